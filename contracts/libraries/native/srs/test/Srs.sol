// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../../../interfaces/INativeVerifier.sol";

/// @title Srs
/// @notice The points of the TEST SRS that verification needs (docs/protocol.md, §3). Its tau is keccak256("zkinfer TEST SRS: never use in
/// production") modulo r: ANYBODY CAN FORGE PROOFS UNDER IT.
/// @dev Printed by crates/prover/tests/solidity_srs.rs, which also compares; the Solidity tests compute it again from tau.
library Srs {
    /// @notice The SRS id (docs/identities.md).
    bytes32 internal constant ID = 0xda53a727654e0d37498bb3680437f0daa36577eed59c0122fad241054cc38d88;

    /// @notice Whether everybody knows its tau.
    bool internal constant IS_TEST = true;

    /// @notice The last exponent.
    uint256 internal constant LAST = 28;

    /// @notice Writes [tau^(2^exponent)]_1 (x, y) and [tau^(2^exponent)]_2 (as in EIP-197) to the six words at `to`. There are the exponents
    /// 0 and 4 to 28: keys need tau, tau^b with b >= 2^4, and tau^D with D > b.
    function load(uint256 exponent, uint256 to) internal pure {
        bool found = true;
        assembly ("memory-safe") {
            switch exponent
            case 0 {
                mstore(to, 0x2dfd1503b967e110339ee598ad5a531b83d1e8d722d3ddd48b8e343edb19a4bb)
                mstore(add(to, 0x20), 0x233e67564f551038c8afeaee1ef824a9417a289e19921258a6f1b1ce8334ac21)
                mstore(add(to, 0x40), 0x0f5c0fdeb73997de2ceb4cb12def19f4ed0a764880e03fea3243755c340d81c5)
                mstore(add(to, 0x60), 0x04341f7f7b920e1bd8ce7898af6e649d6f177d722ed5a3c177943f58b842c4c0)
                mstore(add(to, 0x80), 0x1904bcbbf1ed011c322fe1a042b05a813d0538d11cc92b1a5189275490e41637)
                mstore(add(to, 0xa0), 0x1e6b4b6f712ad28e0860108319555dc41bfdb3d86a527f8fd5a868e73d8dc590)
            }
            case 4 {
                mstore(to, 0x0b698261d0bb2055eee157d9ff255bb01ea2ebf6445ffea7ebd521f77bb1af32)
                mstore(add(to, 0x20), 0x141c0cde7e5fc6525c0f8455c923b4baac49b930bd4c8a7cb3fabb7c04ca266f)
                mstore(add(to, 0x40), 0x18ad18cdc66e77d67bf7c16503c48eef7e94f1d902e359918b2e6d0e6bb3c1f1)
                mstore(add(to, 0x60), 0x074683a34aad22430d0c933100f3ceb410a86be0b4b088253b439511c483e39a)
                mstore(add(to, 0x80), 0x09b1a3ee43debd6b0e4d4732d84fdd991fd823817fc55482458b7da0e8522d50)
                mstore(add(to, 0xa0), 0x02bc2d2f727c4af424078a160ac83cd75ea7af6e0e8d9c77d386ab3bd1ca50f3)
            }
            case 5 {
                mstore(to, 0x162ba64e6fa456d9cd87559f03031c987e017b69e006967ac1317fa6667d136d)
                mstore(add(to, 0x20), 0x02c299b8b32d754aefe12773e1133d2bcd48ec15488b4993f3aef50a58777f9c)
                mstore(add(to, 0x40), 0x2dc8ba2fcf3709748c0eff174d0ac9463f24129d555f08eb6980b510ee5a7037)
                mstore(add(to, 0x60), 0x1eb5178b25da6c3e526b2552269efb5ac167772db77164dabf393b3e02fdeec9)
                mstore(add(to, 0x80), 0x0126af968b5f772adb1186e499e12ccc8e0a5f5e4bbd3724ae19d1339f951ab6)
                mstore(add(to, 0xa0), 0x1bbbcfc963f5fecfc4fbfda8ba1236b55a144358378bf53733d2648b23195789)
            }
            case 6 {
                mstore(to, 0x1c83fe8569e5e77c90712d4a336bba39ee59f0f70527d097aac539cd52052a26)
                mstore(add(to, 0x20), 0x2080345cee5354d99060f5f9361a18f5ed850b6d03ed9a8de7820605304f404c)
                mstore(add(to, 0x40), 0x0fcc3e90e132f8bf8dabd040826ef7382024a11ff6b6c3b39c4bad875103d77d)
                mstore(add(to, 0x60), 0x13b62203e62c1de44d511875f1b1d59adea08c633f3f404fbb64eec96f93ff9d)
                mstore(add(to, 0x80), 0x12c665b31020e4e47ec53f9156c4369f5fe6577b0d03c3d98abec3d5d948fc82)
                mstore(add(to, 0xa0), 0x00a3349f9997e5a1ce2fe1d756396fc13cbec13232eeeb50f57c9eac400d28ca)
            }
            case 7 {
                mstore(to, 0x19e3e3cbf290cbd4209bdc18cefb86b1381558fbbdceeb9fed9067fb9a4f2bed)
                mstore(add(to, 0x20), 0x0e9d9354070f8f3e29579f23ffe81c4212f5569a2406b79d02787e4e0c83128a)
                mstore(add(to, 0x40), 0x10749e9de500deb64a53dc35245e17edf3d6185d11a8fd1694812e71df347d39)
                mstore(add(to, 0x60), 0x1362de8c7a00108425159d45519d6f86bac656b448f18b6a847f692777cd2b1e)
                mstore(add(to, 0x80), 0x2144537f51ff9ef714c5e0fde2b3d860acb95fc0a8b833545da1df840f1af481)
                mstore(add(to, 0xa0), 0x22404757d38f79e0502acd07ea5fb5cd8513d5c2af5f311bf3535818a3cf1149)
            }
            case 8 {
                mstore(to, 0x2bbe454918498c43d8ebf7a31c7c04ec915af817ebd09372db6e0db40b9dc192)
                mstore(add(to, 0x20), 0x03aeb96401a13629fc055a74fa90c7b4dbc49850d4917f970d006d72ea6fbe7f)
                mstore(add(to, 0x40), 0x2933bfd1e63d79251a708ad3f97e1a41ea11055501b7eef56634270460fffd59)
                mstore(add(to, 0x60), 0x1cac72bf4b444af3d251f3683823d9d19c4ac0a3d66bb06fe789690e7a4231ba)
                mstore(add(to, 0x80), 0x1a7c61ac351da9c5e8acd9a53e3c3b116137e709eff9d5eb7aeee9d7371373fe)
                mstore(add(to, 0xa0), 0x0fa064070d203759a5f1e8dde9e0c5667dd2a4caa526889b06b09612cb85f95e)
            }
            case 9 {
                mstore(to, 0x1b0bd41407b2298723819aca052c6647465d150982f0a328ab4e1d61a517805d)
                mstore(add(to, 0x20), 0x1911ed68103b1bfdd872ca260f12723d53e232c54716ab6cc6c0d2a678ee3ed9)
                mstore(add(to, 0x40), 0x18cd77eb175ba082cdaa41df81104bbc8de5c0330c770b736b5c1263d7577523)
                mstore(add(to, 0x60), 0x26c8c32e768c0d2c08c6ccabbdaf34a0237d9f624a71dfcc71ce38890e6cec33)
                mstore(add(to, 0x80), 0x1c9612b0101b8a7e25d5c2d47f4e4ec7b280c83e5ffd1f1f142fdddb303293c2)
                mstore(add(to, 0xa0), 0x0273894dcba7d451650fb9cd5fbedeaa395df25e077dee53a77027f9d8b5f75c)
            }
            case 10 {
                mstore(to, 0x0e45db218cd1c9445d2acadef836bd665fee9c71bc2e86ef784a898afab52852)
                mstore(add(to, 0x20), 0x060cb518774f7b78ae9f9a2067153c7bb90d6928dbfca5f73cc974f9e744a8e5)
                mstore(add(to, 0x40), 0x0a4d08f98e03efd9d1aad681d8018637bf13f48b42863fa771cd64a1ce9658c4)
                mstore(add(to, 0x60), 0x2a1f1d168ef79486f27caebfe8d85bd596d2a0645ebb76c1e549a4d240d9bae1)
                mstore(add(to, 0x80), 0x06772053dd9c641d7d99db53b6bd9b592633f1cd8e86bd5c4257e736466bfd48)
                mstore(add(to, 0xa0), 0x03b0e05a9c10bf2b5adf279d5ce2f179fb490e17ae49962236eb55882d4c2cc6)
            }
            case 11 {
                mstore(to, 0x14376a728c8f5074a26c085e2faae388f57cea0fb038bcf585721baaaab0b629)
                mstore(add(to, 0x20), 0x29bd72858a394a9263d11243d566df09aea90d911caf534888c2980f2b707f98)
                mstore(add(to, 0x40), 0x11ad2bd908e0c900f26b95ea6dd323da97bac236da16658ca93292efd552d674)
                mstore(add(to, 0x60), 0x05e78ce3c36d8f1ce10707f39480f4165c92fdafa45c98c9d99928990f9e2a06)
                mstore(add(to, 0x80), 0x1b971178aa5068cc277585ae273ae1452922f0b06b09e841166bbcf3ae864703)
                mstore(add(to, 0xa0), 0x17e03f118375bd90ab276e314f9c74b3ea9f9b9365e16a7bfbd0e3a7b7781da9)
            }
            case 12 {
                mstore(to, 0x02a8c4276dcf60790f96fc78e6ac359e8a18f42ef462eb0c1a60800cab9024b2)
                mstore(add(to, 0x20), 0x2b53aede827949a2b8a7fcf9766ece1aae2444f527aae897046b5d457568cef3)
                mstore(add(to, 0x40), 0x05c15f93975ab66272e63cad2c58b0d3ab36ba3951f1f803be4a3dececbf5b67)
                mstore(add(to, 0x60), 0x144cbb48fca6a60090780802395221ba9a8fd780cb558cb38737d3fc7b14dc4e)
                mstore(add(to, 0x80), 0x005adbbc54b859dab5e083454565648a601e5ff38b4c660de037595af2ead2cf)
                mstore(add(to, 0xa0), 0x09fd078b9bddc4c6d735049d6f950f65b34c1506b9113da160aea47536e22587)
            }
            case 13 {
                mstore(to, 0x302fa40d9327105d84d320f1b59c9f4a537cee5e4191bf5fcd8434106d00c210)
                mstore(add(to, 0x20), 0x1ac0597875d95c8379da8602c1afaf74fecb2c12c96daff9207cd2ac9e2dc926)
                mstore(add(to, 0x40), 0x17983f64527aec36484826cda8ebf5efb1bf53cedac48c6d352bc540fc3246e8)
                mstore(add(to, 0x60), 0x165f4f21a2af13ade0524a279772fb5ba73d9863c2bd6724aaf3b679da724382)
                mstore(add(to, 0x80), 0x19f3baceeb67199f01470e6a3e5778af99e201fc00d26cb615c80575f3fe1ff2)
                mstore(add(to, 0xa0), 0x024834bd10f66a05ad9065ccdb5a8e6d8e9a247cd507e8c1a78a01be52d13676)
            }
            case 14 {
                mstore(to, 0x1a9f4fa334ebfed8731706593d843877465f1f217d63d146df71e3388932690a)
                mstore(add(to, 0x20), 0x1154505f2c90e30aede1b782a003bbefbeac785725ac54dbfd314b81c4641d9e)
                mstore(add(to, 0x40), 0x2c4c57b3e31c8fe71c5ed0ac18650e26289bc43edaa8a0315e63ca4bab6d3f77)
                mstore(add(to, 0x60), 0x05e379d9ef62720aa55f167582ab83ae9ae82166ec9c39e241b60c96175256db)
                mstore(add(to, 0x80), 0x0e1ddcac6fefd7709a5dd2f2b05a9fd684d39c536544872af769fcb893ffa59e)
                mstore(add(to, 0xa0), 0x297bfcfcf6c478a4430dd3937dad629aadfb9d247d59727f149190920616604f)
            }
            case 15 {
                mstore(to, 0x11fe05026c2d7bda463929bb847f59d8b5791052078e6f4771cbde6897a1a848)
                mstore(add(to, 0x20), 0x26c3da2294c7fbf14d8ae689807c35ff6023da9280243a68c4d395bd70ae9466)
                mstore(add(to, 0x40), 0x002dabf8872763784ccfb56ae90c00162cd8ef472d37101f99aaa6f1c2420977)
                mstore(add(to, 0x60), 0x0479e0ebd5e7e66fcb588520bd5615535241718d2ff43961c0faf6c42566fb0f)
                mstore(add(to, 0x80), 0x1caefa720bff18c63f4076fe93c09e098cb5020d023b04f7f8ca745d42c761e2)
                mstore(add(to, 0xa0), 0x04439313f807c3e63dcc8a0a7f14c990a9307c8d8b95e35f247efd08408bb3c1)
            }
            case 16 {
                mstore(to, 0x27d47d69cd23b988f4c495d1be4ddbf647915acc0902dc2bac9d58f078aba3c3)
                mstore(add(to, 0x20), 0x19c54abe7eb7b8f1b2d861081b75b51c8e5ff9cf6cb1e3559c99cc111cdb5452)
                mstore(add(to, 0x40), 0x18ba2dbe66c6db9337e379fa76293b4a3b8f018d14a2bfa28e21ccb5f4c56feb)
                mstore(add(to, 0x60), 0x1893b5c3ce5d2c35eb94ffc3da55ef0c26f75fd4883f264dcdd0e7beee63f4cd)
                mstore(add(to, 0x80), 0x01875cb4fd1af1fc660728ccc973c8b2b361f5f3e79d70f030f4358f801bf5b1)
                mstore(add(to, 0xa0), 0x2dc2faadee561abc5d3bcda5cdc8878803cdf6ae7dd94925463b78cf26cdf996)
            }
            case 17 {
                mstore(to, 0x0a1bd6e902310274b1107e68d2da6e45e9d9f639dc82e722e813d439276f5519)
                mstore(add(to, 0x20), 0x04e86640a61fa12793216c6e7e3d9ef1d3fde9e9bd7baea5f4093f7a1d1bc21a)
                mstore(add(to, 0x40), 0x0051005b4254e081a7600857f1fd893efa8563629f298537bc970ff19cadc9d1)
                mstore(add(to, 0x60), 0x20ea8f94d6553a6fe65b1d67110c89a56ba615c9490162e59d4f59715ecea533)
                mstore(add(to, 0x80), 0x0685b49ba0228e89f4b2576115e28d9dac5f061e8dc1c403071b6f7ab924ac48)
                mstore(add(to, 0xa0), 0x144e88aba8457118b5cb33a70b8bb55a87e10952628067b3a96d61780b96f2ff)
            }
            case 18 {
                mstore(to, 0x139315b76aa02ea81862c21a03cbfadcedd409470d53ea152ff6c15eef9ab831)
                mstore(add(to, 0x20), 0x0799cf39adf1b35f63ab35fbc5438fd7d58c6d811b7f02cc03bb873425e44353)
                mstore(add(to, 0x40), 0x22f1ebd7f0a98101e0434aa243a7dac04528cc4fc2f0db4c4a31dfb843fa7ab1)
                mstore(add(to, 0x60), 0x2844e334c328638b481d1b3f23a591785aa96726255308ddbea2163cb191c88e)
                mstore(add(to, 0x80), 0x23f72e74d6bf0d10a571501bf8d97a186ebe6bb45424ed97ca79e103e88c157b)
                mstore(add(to, 0xa0), 0x24457f5315aaa4693a667fdee392927aea37900b77e3382eb309de3fe494e750)
            }
            case 19 {
                mstore(to, 0x0120d1455c960bd4cde11dff57f759f1cf239c034225bf2012ff8666032d3c63)
                mstore(add(to, 0x20), 0x1c9f36ecdbf8de97c7abc02dffeb8cc13de0db5c9c6022175f2eb24608716f0b)
                mstore(add(to, 0x40), 0x144a51ad843edd6c279f5526d3791cf75a57cb1c9d0f02d515f8cd16ed310762)
                mstore(add(to, 0x60), 0x299dfca583637fd5f0a0176b559d3f03e300a728a3f13baf090bc17ab4e5e925)
                mstore(add(to, 0x80), 0x1993bb015cb335ed583d3680cd8aaa185d7bcdf0946ef4f29d0a4eacbb8e3597)
                mstore(add(to, 0xa0), 0x2df6e6c6141006957215c0a7d79020c6d2c7449f5ecc40f49e122b80eaa531f0)
            }
            case 20 {
                mstore(to, 0x1d3c4f53cdd99b08f21e8f06eadda4d452327c9a8f3f0028c65a7c241737abb5)
                mstore(add(to, 0x20), 0x13a9b17471120153a96b9327883448e79b473ed469716b0da999eadf8a0d8850)
                mstore(add(to, 0x40), 0x017e9547090b4a5fb8990049a3484c2fc7639ac7a7b817d56786c116a190003a)
                mstore(add(to, 0x60), 0x04d16f5365719746f834560fa7aa403be9903dd4dcb86372e6843ad93375a989)
                mstore(add(to, 0x80), 0x06438f6b54ebdb1f91c07abfa43bb639db947366158b1818df09d7304f13f1d2)
                mstore(add(to, 0xa0), 0x25d9ced1329b6a1ba5cb750a9b89a6e011d36a545ef07015f61145f561a4ad49)
            }
            case 21 {
                mstore(to, 0x2580586f614d87cd923b0cf1f4d7a202603cdde8bb0337f8e4b6a9ec5ae2bbb3)
                mstore(add(to, 0x20), 0x1d0fd37478dc94bd55646051b66e699dc4a085297cbd545e61a47b84a48496d7)
                mstore(add(to, 0x40), 0x100862f0dd92a8ec5daf77268a57b77ebde7761d6d57f08428ca1b92590b5d2f)
                mstore(add(to, 0x60), 0x04993afe1e5fd745545d0a09f1ac1e85fc6ed4de87761b20eb4645070c6aaf9a)
                mstore(add(to, 0x80), 0x248215993d6a9d6bacaaa15327e78e0fb5fb9880a631c1bd43d6a09628656dc0)
                mstore(add(to, 0xa0), 0x0ad734d61712fec218248621ce05d3b606a7456dd555d59b71eebaa31b12538e)
            }
            case 22 {
                mstore(to, 0x09c105e49b313885595e18c816f36266d872119fc5b5de40d4b558c4160102f3)
                mstore(add(to, 0x20), 0x0a30d05240d3649a3d1d4a1b39a35b7974133fdabf8bb05a9322efee366ab8a3)
                mstore(add(to, 0x40), 0x17af6fc3753ac8d9c2e01a8f3ad0256af37dddd8d2ec239e4ebab4c22119c34f)
                mstore(add(to, 0x60), 0x2f9d561203cfd7715a4eb6e53e95039fb65b647088580591d877b87a3e596c62)
                mstore(add(to, 0x80), 0x2c5bae85d3358262c882f49d574b2dc2a9fd96a8540a7c854645fd9926bfbb25)
                mstore(add(to, 0xa0), 0x0f76d6cc4f771ef0c51688c4de8be3385b137d9d0431e4947f0b193193301c9e)
            }
            case 23 {
                mstore(to, 0x02570caf732ba97f93698a0afc59743dd5ce0a83a06ffb94425af1dacddcd520)
                mstore(add(to, 0x20), 0x285da0da5fb9778134f6d78188d7c9567f84401f4fdb6c4ca84d18d4886b3c25)
                mstore(add(to, 0x40), 0x06c8505edec8b1007df874494aac2330efce19274e0fd95ae216fa86daab06ca)
                mstore(add(to, 0x60), 0x1ac53521bff8f866fe6d14c5687b7b1bd77630d00ea53d0c0ee46053e8167e12)
                mstore(add(to, 0x80), 0x222ea709814b9cc22beae5703289a019956684640a41bb432ffc1c5c9fa2968d)
                mstore(add(to, 0xa0), 0x05a087a81dc93b87dc9dd18067ff2a70a2a99153df3e151658c2c3ea8aad9c0f)
            }
            case 24 {
                mstore(to, 0x15823e306dd30303a5cd033368607d0b33dc4a01dfcca6b353395276f6ef5629)
                mstore(add(to, 0x20), 0x0a227d4cc4a6a0591ec8eea6fb4d9a87c15f549554cac0766604026df08d7d14)
                mstore(add(to, 0x40), 0x0450d1e6b36506e2a02859c1f2eac8d6b1634c291aeeb127b2d45265b1f8d450)
                mstore(add(to, 0x60), 0x20569925ff232ade6fe6adfb990b8921c8b43e47cb4f04164f30bb0f6661ac6c)
                mstore(add(to, 0x80), 0x2ca2d9e0bc8a91cd55f1505a1b661d1948f6f0848e57cceca5d0f31b9753fcd3)
                mstore(add(to, 0xa0), 0x1aaa078bca3da562e431752cca41e04952e0333ac92bf22b0d780e84424971f2)
            }
            case 25 {
                mstore(to, 0x12c1c1943e95db4926a2b7bf6497541c360ac2334bdfdb267737441a4c420d74)
                mstore(add(to, 0x20), 0x25ed0c889e493ee8c3f819db6d5ad26dc76d32700b5b57aaf47b1bd468a20715)
                mstore(add(to, 0x40), 0x247dbeebbdd42237bc4c5ee9aceaec6bd4b09c80bfa7031ac6105cff3a02c779)
                mstore(add(to, 0x60), 0x238c1630777da20a8f636b1e3254f27935da791d494c14007693b874fc073042)
                mstore(add(to, 0x80), 0x02d3c9e1df46c5d011ebd1a7d4297790e5f17f5432fdf6a4bff352c26e6e3ecb)
                mstore(add(to, 0xa0), 0x06645e3410f4df47848c986304829a703603ef37fe7511693c206a787743f84e)
            }
            case 26 {
                mstore(to, 0x01b3438a88f7154628ed6a5f2a7f5fd09cd5d7ead9866c96a0e47239b301f34d)
                mstore(add(to, 0x20), 0x09ae7af477383fd99a75f57fdadf094f96e5304360a10ac6c77974a824328620)
                mstore(add(to, 0x40), 0x127b7e0331fc418bd3587d09edb3cece005b28d3f24ba15966b879112e53e89d)
                mstore(add(to, 0x60), 0x2d0b7392be042d891140a8570cb3e7eda9d3a1269717f9f339bfe2f9574107e8)
                mstore(add(to, 0x80), 0x2e1ca6c7c4e161e8e7d949b7e9e84c95cdfde075a6f7e8f54c884a95d09f999b)
                mstore(add(to, 0xa0), 0x0925e20ecb8964cda2435018b4f0eadff8eeb7c84316d18b41a26a3de7719a36)
            }
            case 27 {
                mstore(to, 0x0d7d3d8bc55027675c1c01c6e506539ec7deec7a44dbd4dbf6be2f9eeffaa3de)
                mstore(add(to, 0x20), 0x169725b108dd4d260ef6c413c84becb3c5238544291eea080f89314113907dd0)
                mstore(add(to, 0x40), 0x204735b55e69afc9032ce086655f0a22f01a375703bc802cffef086ba905ce7f)
                mstore(add(to, 0x60), 0x269068f92cc93e99430887a3f98e530ee97c4bae884d34926942f3e49660d2bf)
                mstore(add(to, 0x80), 0x0fec65e67a7e9b58188302b20890b84aabb42eb39e3750cd8e243f369a10d753)
                mstore(add(to, 0xa0), 0x05ec8295bd5eee42453c92650d288a71e4c62ed20f4e920ffb5303caad96104f)
            }
            case 28 {
                mstore(to, 0x01b2c3954c37f7538b3d89e1bc3e4b703d82a4778b31093e783ddf93d9641f5f)
                mstore(add(to, 0x20), 0x05eb114d79d1f212cb30ee9f23813a10a17cfeb5bf71a12c3cd099c284a9880d)
                mstore(add(to, 0x40), 0x1bfec031139fa032426ab2070d0991e4687c7ad0ea2584990a86bc262fc0ec74)
                mstore(add(to, 0x60), 0x26949881b255717105589fc5e73aff6e2372493d01667b5ced7426cf6474aabb)
                mstore(add(to, 0x80), 0x3014c1ab86c64fdbeadf978073d4d99fdb7c8d6c1fd88f59b60485fd6c0fe6b9)
                mstore(add(to, 0xa0), 0x1460d3684b82fa6e34adb120b91ac415db76ea7873a3e953304f2b8567f616df)
            }
            default { found := false }
        }
        if (!found) revert INativeVerifier.SrsTooSmall(exponent);
    }
}
