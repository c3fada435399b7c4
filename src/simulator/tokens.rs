//! The text of tokens and ids. Each is computed from the seed, its grant and its generation, and read back
//! the same way, so that a hundred thousand grants and every token ever spent cost no table.

use std::hash::Hasher;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Characters of the part that names grant and generation.
const NAMED: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Refresh,
}

/// Which pair of which grant a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenName {
    pub grant: u32,
    pub generation: u32,
}

pub(super) struct TokenText {
    seed: u64,
}

impl TokenText {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub(crate) fn refresh(&self, name: TokenName) -> String {
        self.named(Kind::Refresh, name, NAMED)
    }

    /// Access tokens of Calendly are long and have grown; `length` characters, at least 32.
    pub(crate) fn access(&self, name: TokenName, length: usize) -> String {
        let length = length.max(NAMED);
        let mut text = self.named(Kind::Access, name, length);
        let mut filler = self.hash(b"filler", u64::from(name.grant), u64::from(name.generation));
        while text.len() < length {
            BASE64_URL_SAFE_NO_PAD.encode_string(filler.to_le_bytes(), &mut text);
            filler = self.hash(b"filler", filler, 0);
        }
        text.truncate(length);
        text
    }

    /// The pair a refresh token of this simulator names, whether or not it was ever issued.
    pub(crate) fn read_refresh(&self, text: &str) -> Option<TokenName> {
        let name = self.read(Kind::Refresh, text)?;
        (text.len() == NAMED).then_some(name)
    }

    /// The pair an access token of this simulator names, whether or not it was ever issued.
    pub(crate) fn read_access(&self, text: &str) -> Option<TokenName> {
        let name = self.read(Kind::Access, text)?;
        (self.access(name, text.len()) == text).then_some(name)
    }

    /// A random-looking id that is the same for the same seed, kind and number.
    pub(crate) fn id(&self, kind: &str, number: u64) -> u128 {
        let high = self.hash(kind.as_bytes(), number, 1);
        let low = self.hash(kind.as_bytes(), number, 2);
        uuid::Builder::from_u128(u128::from(high) << 64 | u128::from(low))
            .with_variant(uuid::Variant::RFC4122)
            .with_version(uuid::Version::Random)
            .into_uuid()
            .as_u128()
    }

    fn named(&self, kind: Kind, name: TokenName, length: usize) -> String {
        let (high, low) = self.proof(kind, name, length);
        let mask = self.hash(b"mask", high, low);
        let hidden = (u64::from(name.grant) << 32 | u64::from(name.generation)) ^ mask;
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&high.to_le_bytes());
        bytes[8..16].copy_from_slice(&low.to_le_bytes());
        bytes[16..].copy_from_slice(&hidden.to_le_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(&self, kind: Kind, text: &str) -> Option<TokenName> {
        let mut bytes = [0; 24];
        let written = BASE64_URL_SAFE_NO_PAD.decode_slice(text.get(..NAMED)?, &mut bytes).ok()?;
        if written != bytes.len() {
            return None;
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let (high, low) = (word(0), word(8));
        let shown = word(16) ^ self.hash(b"mask", high, low);
        let name = TokenName { grant: (shown >> 32) as u32, generation: shown as u32 };
        (self.proof(kind, name, text.len()) == (high, low)).then_some(name)
    }

    /// Says that the name is ours; over the length too, so that a token cut short is not a token.
    fn proof(&self, kind: Kind, name: TokenName, length: usize) -> (u64, u64) {
        let label: &[u8] = match kind {
            Kind::Access => b"access",
            Kind::Refresh => b"refresh",
        };
        let pair = u64::from(name.grant) << 32 | u64::from(name.generation);
        let length = (length as u64) << 1;
        (self.hash(label, pair, length), self.hash(label, pair, length | 1))
    }

    fn hash(&self, label: &[u8], a: u64, b: u64) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher.write(label);
        hasher.write_u64(a);
        hasher.write_u64(b);
        hasher.finish()
    }
}

/// What stands for a token where the token itself must not: 16 hex digits of its SHA-256.
pub(super) fn fingerprint(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_pair_and_no_other_kind_reads_it() {
        let text = TokenText::new(7);
        let name = TokenName { grant: 12, generation: 345 };
        let (access, refresh) = (text.access(name, 96), text.refresh(name));
        assert_eq!(access.len(), 96);
        assert_eq!(text.read_access(&access), Some(name));
        assert_eq!(text.read_refresh(&refresh), Some(name));
        assert_eq!(text.read_refresh(&access), None);
        assert_eq!(text.read_access(&refresh), None);
        assert_eq!(TokenText::new(8).read_refresh(&refresh), None);
        assert_eq!(text.read_access(&access[..95]), None, "cut short");
        assert_eq!(text.read_access(&access[..32]), None, "cut to the part that names the pair");
    }

    #[test]
    fn a_token_with_one_character_changed_is_unknown() {
        let text = TokenText::new(7);
        let access = text.access(TokenName { grant: 0, generation: 1 }, 64);
        for at in 0..access.len() {
            let mut changed = access.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(text.read_access(&changed), None, "character {at}");
        }
    }
}
