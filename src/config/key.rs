//! An encryption key as it is configured: `k1:<base64 of 32 bytes>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox};

/// A key's length in bytes.
pub const KEY_BYTES: usize = 32;

/// A key and the id that is stored beside what it encrypts.
pub struct EncryptionKey {
    id: String,
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

/// Why a text is no key. Quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No id in front.
    #[error("it is not written as id:base64")]
    NoId,
    /// The id is stored with each ciphertext, so it is short and plain.
    #[error("its id is not 1 to 32 of A-Z a-z 0-9 . _ -")]
    Id,
    /// Not base64.
    #[error("it is not base64")]
    Base64,
    /// Too short or too long.
    #[error("it has {0} bytes instead of 32")]
    Length(usize),
    /// All bytes are the same.
    #[error("it is not random")]
    NotRandom,
}

impl EncryptionKey {
    /// Reads `id:base64`.
    ///
    /// # Errors
    /// What is wrong, without quoting the key.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (id, encoded) = text.split_once(':').ok_or(BadKey::NoId)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !(1..=32).contains(&id.len()) || !id.chars().all(plain) {
            return Err(BadKey::Id);
        }
        let decoded = STANDARD.decode(encoded).map_err(|_| BadKey::Base64)?;
        let bytes: [u8; KEY_BYTES] =
            decoded.try_into().map_err(|other: Vec<u8>| BadKey::Length(other.len()))?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(BadKey::NotRandom);
        }
        Ok(Self { id: id.into(), bytes: SecretBox::new(Box::new(bytes)) })
    }

    /// A new random key.
    #[must_use]
    pub fn generate(id: &str) -> Self {
        Self { id: id.into(), bytes: SecretBox::new(Box::new(rand::random())) }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, for the key ring.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose_secret()
    }

    /// As it is configured; for a key file and for `keys generate`, never for the log.
    #[must_use]
    pub fn expose_line(&self) -> String {
        format!("{}:{}", self.id, STANDARD.encode(self.expose()))
    }
}

impl Clone for EncryptionKey {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), bytes: SecretBox::new(Box::new(*self.expose())) }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({}:***)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back_and_not_printed() {
        let key = EncryptionKey::generate("k1");
        let again = EncryptionKey::parse(&key.expose_line()).unwrap();
        assert_eq!(again.expose(), key.expose());
        assert_ne!(EncryptionKey::generate("k1").expose(), key.expose());
        assert_eq!(format!("{key:?}"), "EncryptionKey(k1:***)");
    }

    #[test]
    fn bad_keys_are_refused_without_being_quoted() {
        let zeros = format!("k1:{}", STANDARD.encode([0; 32]));
        for (text, why) in [
            ("", BadKey::NoId),
            ("c2VjcmV0", BadKey::NoId),
            (":c2VjcmV0", BadKey::Id),
            ("k 1:c2VjcmV0", BadKey::Id),
            ("k1:not base64!", BadKey::Base64),
            ("k1:c2VjcmV0", BadKey::Length(6)),
            (zeros.as_str(), BadKey::NotRandom),
        ] {
            assert_eq!(EncryptionKey::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
