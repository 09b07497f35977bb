//! Text encodings that name themselves by their first character: the four that S5 asks for.

use super::CidError;

/// The longest text that is decoded: an identifier takes at most 43 bytes, base16 two characters for each.
const MAX_CHARS: usize = 128;

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// `f…`, lower case.
    Base16,
    /// `b…`, RFC 4648 in lower case, no padding.
    Base32,
    /// `z…`, Bitcoin's alphabet.
    Base58Btc,
    /// `u…`, RFC 4648 for URLs, no padding.
    Base64Url,
}

impl Base {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Base16, Self::Base32, Self::Base58Btc, Self::Base64Url];

    /// The text, with its prefix.
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base16 => format!("f{}", encode_bits(bytes, 4, HEX)),
            Self::Base32 => format!("b{}", encode_bits(bytes, 5, BASE32)),
            Self::Base58Btc => format!("z{}", encode_base58(bytes)),
            Self::Base64Url => format!("u{}", encode_base64url(bytes)),
        }
    }
}

/// RFC 4648 for URLs, without padding and without a prefix.
pub(super) fn encode_base64url(bytes: &[u8]) -> String {
    encode_bits(bytes, 6, BASE64URL)
}

/// RFC 4648 with `+`, `/` and padding: what HTTP headers of tus carry.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    let mut text = encode_base64url(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Reads a text of any of the four bases. Base 16 and base 32 are read in upper case, too.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, CidError> {
    if text.len() > MAX_CHARS {
        return Err(CidError::TooLong { chars: text.len() });
    }
    let mut chars = text.chars();
    let prefix = chars.next().ok_or(CidError::Empty)?;
    let digits = chars.as_str();
    match prefix {
        'f' | 'F' => decode_bits(&digits.to_ascii_lowercase(), 4, HEX),
        'b' | 'B' => decode_bits(&digits.to_ascii_lowercase(), 5, BASE32),
        'z' => decode_base58(digits),
        'u' => decode_bits(digits, 6, BASE64URL),
        other => Err(CidError::UnknownBase(other)),
    }
}

/// Cuts the bytes into digits of `bits` bits, the first bit first; the last digit is filled with zeros.
fn encode_bits(bytes: &[u8], bits: u32, alphabet: &[u8]) -> String {
    let (mut text, mut buffer, mut held) = (String::new(), 0u32, 0u32);
    for &byte in bytes {
        buffer = buffer << 8 | u32::from(byte);
        held += 8;
        while held >= bits {
            held -= bits;
            text.push(digit(alphabet, buffer >> held));
        }
        buffer &= (1 << held) - 1;
    }
    if held > 0 {
        text.push(digit(alphabet, buffer << (bits - held)));
    }
    text
}

/// The alphabets have a power of two of digits, so that any number can be cut down to one.
fn digit(alphabet: &[u8], value: u32) -> char {
    char::from(alphabet[value as usize & (alphabet.len() - 1)])
}

fn value_of(alphabet: &[u8], char: u8) -> Result<u32, CidError> {
    let position = alphabet.iter().position(|&digit| digit == char);
    // No alphabet has more than 64 digits.
    position.map(|value| value as u32).ok_or(CidError::BadCharacter(char::from(char)))
}

/// Refuses bits at the end that no encoder would have set: one identifier, one text per base.
fn decode_bits(digits: &str, bits: u32, alphabet: &[u8]) -> Result<Vec<u8>, CidError> {
    let (mut bytes, mut buffer, mut held) = (Vec::new(), 0u32, 0u32);
    for char in digits.bytes() {
        buffer = buffer << bits | value_of(alphabet, char)?;
        held += bits;
        if held >= 8 {
            held -= 8;
            bytes.push((buffer >> held) as u8);
            buffer &= (1 << held) - 1;
        }
    }
    if buffer != 0 || held >= bits { Err(CidError::NotCanonical) } else { Ok(bytes) }
}

fn encode_base58(bytes: &[u8]) -> String {
    // Little-endian digits of the number; every leading zero byte is one leading `1`.
    let mut digits: Vec<u8> = Vec::new();
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let leading = std::iter::repeat_n(0, zeros);
    leading.chain(digits.into_iter().rev()).map(|digit| char::from(BASE58[usize::from(digit)])).collect()
}

fn decode_base58(digits: &str) -> Result<Vec<u8>, CidError> {
    let mut bytes: Vec<u8> = Vec::new();
    for char in digits.bytes() {
        let mut carry = value_of(BASE58, char)?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry as u8);
            carry >>= 8;
        }
    }
    let zeros = digits.bytes().take_while(|&char| char == b'1').count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 4648, section 10, and the base 58 draft's own example.
    #[test]
    fn published_vectors() {
        for (bytes, base32, base64) in
            [("", "b", "u"), ("f", "bmy", "uZg"), ("fo", "bmzxq", "uZm8"), ("foobar", "bmzxw6ytboi", "uZm9vYmFy")]
        {
            assert_eq!(Base::Base32.encode(bytes.as_bytes()), base32);
            assert_eq!(Base::Base64Url.encode(bytes.as_bytes()), base64);
        }
        assert_eq!(encode_base64(b"fo"), "Zm8=");
        assert_eq!(encode_base64(&[0xfb, 0xff]), "+/8=");
        assert_eq!(Base::Base16.encode(&[0, 0xab]), "f00ab");
        assert_eq!(Base::Base58Btc.encode(b"Hello World!"), "z2NEpo7TZRRrLZSi2U");
        assert_eq!(Base::Base58Btc.encode(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd]), "z11233QC4");
    }

    #[test]
    fn what_is_no_text_of_a_base_is_refused() {
        for bad in ["", "x00", "f0", "f0g", "b1", "bm", "bmz1", "bmzz", "z0", "zl", "uZh", "uZg=", "u+", "fé", "é"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(matches!(decode(&"f".repeat(MAX_CHARS + 1)), Err(CidError::TooLong { chars: 129 })));
    }

    proptest! {
        #[test]
        fn every_base_reads_what_it_wrote(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
            for base in Base::ALL {
                prop_assert_eq!(&decode(&base.encode(&bytes)).unwrap(), &bytes);
            }
            prop_assert_eq!(&decode(&Base::Base32.encode(&bytes).to_ascii_uppercase()).unwrap(), &bytes);
        }

        /// Whatever is read is written again as it was: no second text for the same bytes.
        #[test]
        fn texts_are_canonical(text in "[fbzu][0-9a-zA-Z_-]{0,40}") {
            if let Ok(bytes) = decode(&text) {
                let base = match text.as_bytes()[0] {
                    b'f' => Base::Base16,
                    b'b' => Base::Base32,
                    b'z' => Base::Base58Btc,
                    _ => Base::Base64Url,
                };
                let lower = if matches!(base, Base::Base16 | Base::Base32) { text.to_ascii_lowercase() } else { text };
                prop_assert_eq!(base.encode(&bytes), lower);
            }
        }
    }
}
