// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INativeVerifier} from "../../../../interfaces/INativeVerifier.sol";

/// @title Srs
/// @notice The points of the Perpetual Powers of Tau (hez final) that verification needs (docs/protocol.md, §3).
/// @dev Printed by crates/prover/tests/solidity_srs.rs, which also compares; the Solidity tests check them by pairings.
library Srs {
    /// @notice The SRS id (docs/identities.md).
    bytes32 internal constant ID = 0xed74e329aac938fb492189003ddb8eeb22088b718d1541d2d985eb864a4fbc3c;

    /// @notice Whether everybody knows its tau.
    bool internal constant IS_TEST = false;

    /// @notice The last exponent.
    uint256 internal constant LAST = 14;

    /// @notice Writes [tau^(2^exponent)]_1 (x, y) and [tau^(2^exponent)]_2 (as in EIP-197) to the six words at `to`. There are the exponents
    /// 0 and 4 to 14: keys need tau, tau^b with b >= 2^4, and tau^D with D > b.
    function load(uint256 exponent, uint256 to) internal pure {
        bool found = true;
        assembly ("memory-safe") {
            switch exponent
            case 0 {
                mstore(to, 0x2dd3fd59098a5b4b4a616568bb6ba1a1e4c40e4b0df9ae94e37944d55ab651cf)
                mstore(add(to, 0x20), 0x25680c3525ba04435a9034d6e69c96de5133edfe37c226d3e31b60eff6b34ef0)
                mstore(add(to, 0x40), 0x26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d)
                mstore(add(to, 0x60), 0x30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e)
                mstore(add(to, 0x80), 0x1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02)
                mstore(add(to, 0xa0), 0x054793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48)
            }
            case 4 {
                mstore(to, 0x09b233afaa56439f8a4485921bf182b8dad677f1b611374898cca5c238e0bd5f)
                mstore(add(to, 0x20), 0x22c4038c1de83161123a252a5e6b6607eb9469af3f1750b028238b36ceaa4d1a)
                mstore(add(to, 0x40), 0x2249d488390a93a90fcba071a74e3321856643aaa58a9df03257aad1c1209470)
                mstore(add(to, 0x60), 0x2ca39511e068e939a8124ceb711063b34972a79fb9cc32b62bfe1ac022c13e59)
                mstore(add(to, 0x80), 0x1b1d07a1cf5309220a51f603bb9e5a9340bb5953d50e856e8956e55289f3eabc)
                mstore(add(to, 0xa0), 0x23e48a3d2e60b85a66dcaa15d838702004f8eecbaad8f7367ef467de307f140d)
            }
            case 5 {
                mstore(to, 0x087a23a6ec9dc15f0acca9a26cdb49ccdd28fdd74a17cd8e99a59cd21ef61bca)
                mstore(add(to, 0x20), 0x06f55efa0054fbc0c69a39fbc31dcf1ce4a3930ee7e3102c193599e0aa7f9088)
                mstore(add(to, 0x40), 0x1ee741136a9cd5ccfb421b9ba02e3baf4421d56bbe9bbf3dc39dc934802a38af)
                mstore(add(to, 0x60), 0x2c840a068add1bb5c338d32033c38c6c702a8581eab3fdc1e7b51538e0f452b7)
                mstore(add(to, 0x80), 0x138949ed58fae6f0ef217dc39a8815d3f0bdf98737dde4393aa0fcc5974cf2e9)
                mstore(add(to, 0xa0), 0x2be5d361e76a9744e911b8a0f120b9ff534110edea21c50e5f7a0c527ba50d31)
            }
            case 6 {
                mstore(to, 0x00e6e039bbeefa3d9d894e60a667727fa3dbfd54d0c9021f084c92bf4af3b2c5)
                mstore(add(to, 0x20), 0x2a0b29881a9649c1a0f9046b101da9fa0f0beca2827a500a3535690ef63d6e05)
                mstore(add(to, 0x40), 0x05224001802122c49e3a46187d5a09735a8ddf1f1cb7b05fd86fbfc2037c53c0)
                mstore(add(to, 0x60), 0x0f82942c7189245ccb4a5464baf53f2f2e61a373c9f2a9b6faf5285e58f6fe67)
                mstore(add(to, 0x80), 0x02762f3d5ed54060145503e14f5a1d1ac0de8728f5b089ce3ab1cb6c3d325280)
                mstore(add(to, 0xa0), 0x25e619ceeccca4bfa5ccb58723d292fb5d186170d3a20452db5d7a62ecf82251)
            }
            case 7 {
                mstore(to, 0x1885a9cdb62c48e3131088a614559d790963edb94ca9384f7107349d2ca9dfee)
                mstore(add(to, 0x20), 0x24e2e7fc804ac0fb7d8e2a3f645f7db0291b490c449ddf0ba93dfc607259b9f0)
                mstore(add(to, 0x40), 0x2c34c019e5df99cd8ce3a0cfa6fa4c7a3894124fd88992720b19a71201f6c98a)
                mstore(add(to, 0x60), 0x2955176399c66b3b475d6d2a5b421477e5a3fc91716e043dcd1c57570ca00951)
                mstore(add(to, 0x80), 0x0d7e1ffba09da4f1fc00a450e3dba63ba7d1f0ac82e188e61619f484687d528e)
                mstore(add(to, 0xa0), 0x1e8d1095c3898606875d2e89b1cadf5c083d27da97e8c006cf96d07ff1a0b74b)
            }
            case 8 {
                mstore(to, 0x25bf3f6bb0bf978b1fd24a49381446debc9da0ae106b9537ebbe967ef72b83a1)
                mstore(add(to, 0x20), 0x15d47c9d3713a27d4a3d3e8595cabefec726e32a396790e7cd904e0db8bb9f1a)
                mstore(add(to, 0x40), 0x24f1be1d555fe2607f4ceaad68c532b577b01262f7082603e70197a5d9a674ff)
                mstore(add(to, 0x60), 0x21fcc09c7ecd77cc494034619ff2df2fb22f0ddd84c4da598621862810c6c2c6)
                mstore(add(to, 0x80), 0x11f6cb8283644cd69ad7517ce3907a7f90f6ff15588d34cd4e8ae8d11a2f51e7)
                mstore(add(to, 0xa0), 0x2b16795c345b6bfb5ff341912e7bba58bb5a9972504015dee596c584cbd77990)
            }
            case 9 {
                mstore(to, 0x191c6c64e4525bc43760957bc2b724c1c854e8c863f5793dbca4c3076865ade3)
                mstore(add(to, 0x20), 0x1c6bdf736eba0faf55a14ae6d4dd798bfbb8c8c502d7378142b3d30d948fa146)
                mstore(add(to, 0x40), 0x071b401a0f62456ec30e930b44c576ac0022279755965bb8c4241bb4e75469ab)
                mstore(add(to, 0x60), 0x224a34af7b84dbefd8dea34b26e225a1d895e631954b777ad92b7820d4cb4d45)
                mstore(add(to, 0x80), 0x031d86f451fc4c4f8e83d3b3a7ca1b090669ec62321674bef2ac7e7ff8f9950e)
                mstore(add(to, 0xa0), 0x27350b77aeac1f03d1411befd07ed8939152f308773dba3f26cf7750f440fd27)
            }
            case 10 {
                mstore(to, 0x17a40bf6b2a82570fed3bedb71e3ddf36680b431ffb3641fec94f5478d34dccc)
                mstore(add(to, 0x20), 0x050852202323c504aab1ae596553781b3dc87cc6793d731d054c7d751e82af0a)
                mstore(add(to, 0x40), 0x1f331533435abf5ce135df497e18fe4ac72c7c3e3c8901d79cb64ad950910696)
                mstore(add(to, 0x60), 0x16024e50cdf3c66aad98efb997b0b41d7b73cbf678be1dfdbecd8a12f1eb7784)
                mstore(add(to, 0x80), 0x2b16ceccde166529817cf0538be8334d3b2bcfedc1414a9bc8e50706e05736c2)
                mstore(add(to, 0xa0), 0x0a6054be3e0404fa6f8480f31b5a375bb98bcd9b4ec07779e8149976be8817b4)
            }
            case 11 {
                mstore(to, 0x195b22e5a84c5d5a70e8faea64db9bfe8eb57577cfeb3a7798f5470c60b99bed)
                mstore(add(to, 0x20), 0x15d250af555dc3dbf386c1bbdd00d9ab2b6908120041bc75f496a6fbe051a494)
                mstore(add(to, 0x40), 0x027827094551178b1da7b4da4b31fff6b4e7e1f5c820a3717bee9b813100f273)
                mstore(add(to, 0x60), 0x1a1d42ce95381befa92d662d0ce0ca5a162ae0ce6c59a0c53e6c36b1da159bdd)
                mstore(add(to, 0x80), 0x1e0b018a259a447ed4212c3ef209f6ca89ac3d1728809afd5e595417605985ea)
                mstore(add(to, 0xa0), 0x237026e193b5f80f063bd872d189cdc3d648cc13363d9cbf4eff1683cbe6a5b5)
            }
            case 12 {
                mstore(to, 0x160220880fdfd72fa9c1d4b6477b5ac9bf0310be9c5c491f3f52efd8573a2a14)
                mstore(add(to, 0x20), 0x094e210caf49a96e4433927b1d17309b7724958facade891c041cdc196e4bcb8)
                mstore(add(to, 0x40), 0x1b9f3eab9492f87e6dadf444190e0effcc4e0a8e671e394f88a2e06f22ccfff1)
                mstore(add(to, 0x60), 0x15329e375d501c8a74ddcd167a24171f0afdb77775c7b59fb30e632d780a9b39)
                mstore(add(to, 0x80), 0x15db61b5754111f201a1d1f99aaa44704e516b32246c0e461facc5b9d15f5706)
                mstore(add(to, 0xa0), 0x1ea4db72dbbb0aea309d350baa1d243df93f9dbc2704efdf6becf07fb8b8a941)
            }
            case 13 {
                mstore(to, 0x1790f697dadae56893e1b3d01954605dcbb9d0b7e76156a26d19c7716b2ae201)
                mstore(add(to, 0x20), 0x0b4b3e32ce183c259826bc5ee5958e8a144b0ad7d3fe5b2f432c1f7c24042e5f)
                mstore(add(to, 0x40), 0x0acb1e532454aabf3bc7c1d49007dfeedf1b1310e07f44cc53ea8a4b2f4fa510)
                mstore(add(to, 0x60), 0x196bc0b86780cc3a4fc3b3f942515db8b380e3128ceb23a93ca6508779de3492)
                mstore(add(to, 0x80), 0x0157579a01446244066774c79a2a3eccb40e238f5c7adc6ecd9b63fee9eb851d)
                mstore(add(to, 0xa0), 0x19bd52f0fcdf945507cb0e28a715d1c38ce87b48a26361825c90aec5261ff8cb)
            }
            case 14 {
                mstore(to, 0x1820cac999202beba571f32647ca77e38aa8aa2c6286857d68caaa0c8f6ea688)
                mstore(add(to, 0x20), 0x1f93bbd6833793937e7971f0d99fdc98521c1869870763f17f0730850c476f69)
                mstore(add(to, 0x40), 0x0432bd42a5648b736e414831231bd80ba449272ac89f90909f293c71aa9a4022)
                mstore(add(to, 0x60), 0x2364bbb2a2d83a7a3e4c18b052792151a4b8d064112a0b2df171dc454940b6b6)
                mstore(add(to, 0x80), 0x08230bbc8f71600e0fd545a51a638303334627165b84e324c047bf3035395476)
                mstore(add(to, 0xa0), 0x2b18537ee67212eeaaef9703c7483c926e1147959b30ea9e10a6a613cac06807)
            }
            default { found := false }
        }
        if (!found) revert INativeVerifier.SrsTooSmall(exponent);
    }
}
