//! Seals tokens with XChaCha20-Poly1305. The first key seals, every key opens; the key's id stands before what it sealed.
//!
//! Sealed: length of the key id, key id, nonce, ciphertext with tag. The connection id and the column are associated
//! data, so a value copied to another row or column does not open.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};

use crate::ports::Sealer;

const NONCE: usize = 24;
const MAX_KEY_ID: usize = 32;

/// The keys that tokens are sealed with, newest first. Clones are one ring.
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<RwLock<Arc<[Key]>>>,
    source: Option<Arc<dyn KeySource>>,
}

/// Where more keys may turn up while the ring is in use.
pub trait KeySource: Send + Sync {
    /// All keys, where they have changed since the last look. `needed`: one is missing, so look now; else now and then.
    fn changed(&self, needed: bool) -> Option<Vec<String>>;
}

#[derive(Clone)]
struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// What is wrong with a configured key. Names the place, never the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An empty list.
    #[error("there is no encryption key; `calendly-keeper keys generate` makes one")]
    None,
    /// Not `id:key`.
    #[error("encryption key number {0} has no id: write it as \"k1:<base64 of 32 bytes>\"")]
    NoId(usize),
    /// An id that cannot be.
    #[error("encryption key number {0}: its id is not made of 1 to 32 of A-Z a-z 0-9 . _ -")]
    BadId(usize),
    /// Two keys with one id.
    #[error(
        "encryption key number {0} has the id of an earlier one, {1:?}; every key needs an id of its own"
    )]
    SameId(usize, String),
    /// Not base64.
    #[error("encryption key {0:?}: what follows the colon is not base64 (A-Z a-z 0-9 + / with padding)")]
    NotBase64(String),
    /// Too short or too long.
    #[error("encryption key {id:?} has {found} bytes, it must have 32")]
    Length {
        /// The key's id.
        id: String,
        /// How many bytes it has.
        found: usize,
    },
}

impl KeyRing {
    /// Reads `id:<base64 of 32 bytes>` texts.
    ///
    /// # Errors
    /// At the first text that is no such key, or where there is none.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, KeyError> {
        Ok(Self::of(keys(texts)?))
    }

    fn of(keys: Vec<Key>) -> Self {
        Self { keys: Arc::new(RwLock::new(keys.into())), source: None }
    }

    /// The same, taking over what turns up later: a running keeper learns of a key that a command has made.
    #[must_use]
    pub fn learning(self, source: Arc<dyn KeySource>) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Looks at once whether more keys have turned up.
    pub fn look(&self) {
        self.learn(true);
    }

    fn now(&self) -> Arc<[Key]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As [`KeyRing::now`], after a look at where more may be. True where there are others than before.
    fn learn(&self, needed: bool) -> bool {
        let Some(texts) = self.source.as_ref().and_then(|source| source.changed(needed)) else {
            return false;
        };
        // What cannot be read is told by whoever wrote it; what is known already stays in use.
        let Ok(new) = keys(&texts) else { return false };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = new.into();
        true
    }

    /// A random key named `id`, as a text for [`KeyRing::parse`].
    #[must_use]
    pub fn generate(id: &str) -> SecretString {
        let mut key = Zeroizing::new([0_u8; 32]);
        rand::fill(&mut key[..]);
        SecretString::from(format!("{id}:{}", Zeroizing::new(STANDARD.encode(&key[..])).as_str()))
    }

    /// A ring of one new key, for tests and for whoever stores nothing.
    #[must_use]
    pub fn ephemeral() -> Self {
        let text = Self::generate("ephemeral");
        Self::of(Key::parse(1, text.expose_secret()).into_iter().collect())
    }

    /// The ids of all keys, the sealing one first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.learn(false);
        self.now().iter().map(|key| key.id.clone()).collect()
    }

    /// Whether the key that seals now has sealed something.
    pub(super) fn is_first(&self, sealed: &[u8]) -> bool {
        let sealed_with = Self::sealed_with(sealed);
        sealed_with.is_some() && self.now().first().map(|key| &key.id) == sealed_with.as_ref()
    }

    /// The id of the key that sealed something, for a message.
    pub(super) fn sealed_with(sealed: &[u8]) -> Option<String> {
        let (&length, rest) = sealed.split_first()?;
        let id = rest.get(..length.into())?;
        std::str::from_utf8(id).ok().map(Into::into)
    }

    /// `None` only where the ring is broken or the text is larger than memory.
    pub(super) fn seal(&self, place: Place<'_>, text: &[u8]) -> Option<Vec<u8>> {
        self.learn(false);
        let keys = self.now();
        let key = keys.first()?;
        let mut nonce = [0_u8; NONCE];
        rand::fill(&mut nonce);
        let aad = place.associated_data();
        let ciphertext =
            key.cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: text, aad: &aad }).ok()?;
        let mut sealed = Vec::with_capacity(1 + key.id.len() + NONCE + ciphertext.len());
        sealed.push(u8::try_from(key.id.len()).ok()?);
        sealed.extend_from_slice(key.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Some(sealed)
    }

    /// `None` where no key opens it, or it was sealed for another place.
    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&length, rest) = sealed.split_first()?;
        let (id, rest) = rest.split_at_checked(length.into())?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE)?;
        let find = || self.now().iter().find(|key| key.id.as_bytes() == id).cloned();
        let key = find().or_else(|| self.learn(true).then(find).flatten())?;
        let payload = Payload { msg: ciphertext, aad: &place.associated_data() };
        key.cipher.decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
    }
}

impl Sealer for KeyRing {
    fn seal(&self, row: &str, column: &str, text: &[u8]) -> Option<Vec<u8>> {
        Self::seal(self, Place { row, column }, text)
    }

    fn open(&self, row: &str, column: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Self::open(self, Place { row, column }, sealed)
    }

    fn sealed_with(&self, sealed: &[u8]) -> Option<String> {
        Self::sealed_with(sealed)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("ids", &self.now().iter().map(|key| key.id.clone()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Each text as a key, with ids of their own.
fn keys<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Key>, KeyError> {
    let mut ids = HashSet::new();
    let mut keys = Vec::with_capacity(texts.len());
    for (number, text) in (1..).zip(texts) {
        let key = Key::parse(number, text.as_ref().trim())?;
        if !ids.insert(key.id.clone()) {
            return Err(KeyError::SameId(number, key.id));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(KeyError::None) } else { Ok(keys) }
}

impl Key {
    fn parse(number: usize, text: &str) -> Result<Self, KeyError> {
        let (id, encoded) = text.split_once(':').ok_or(KeyError::NoId(number))?;
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        if !(1..=MAX_KEY_ID).contains(&id.len()) || !id.bytes().all(fits) {
            return Err(KeyError::BadId(number));
        }
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| KeyError::NotBase64(id.into()))?;
        let bytes = Zeroizing::new(bytes);
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes)
            .map_err(|_| KeyError::Length { id: id.into(), found: bytes.len() })?;
        Ok(Self { id: id.into(), cipher })
    }
}

/// Where a sealed value stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The connection's id, or another row's name.
    pub(super) row: &'a str,
    /// The column.
    pub(super) column: &'a str,
}

impl Place<'_> {
    fn associated_data(self) -> Vec<u8> {
        // No id holds a NUL, so no two places have the same bytes.
        [self.row.as_bytes(), b"\0", self.column.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { row: "anna", column: "refresh_token" };

    fn key(id: &str) -> String {
        KeyRing::generate(id).expose_secret().into()
    }

    #[test]
    fn the_first_key_seals_and_all_keys_open() {
        let (old, new) = (key("k1"), key("k2"));
        let sealed = KeyRing::parse(&[&old]).unwrap().seal(HERE, b"secret").unwrap();
        let both = KeyRing::parse(&[&new, &old]).unwrap();
        assert_eq!(both.open(HERE, &sealed).unwrap().as_slice(), b"secret");

        let resealed = both.seal(HERE, b"secret").unwrap();
        assert!(KeyRing::parse(&[&old]).unwrap().open(HERE, &resealed).is_none());
        assert!(KeyRing::parse(&[&new]).unwrap().open(HERE, &resealed).is_some());
    }

    struct Source(std::sync::Mutex<Option<Vec<String>>>);

    impl KeySource for Source {
        fn changed(&self, _needed: bool) -> Option<Vec<String>> {
            self.0.lock().unwrap().take()
        }
    }

    #[test]
    fn a_ring_in_use_learns_of_keys_that_turn_up_and_seals_with_the_first_of_them() {
        let (old, new) = (key("k1"), key("k2"));
        let source = Arc::new(Source(std::sync::Mutex::default()));
        let ring = KeyRing::parse(&[&old]).unwrap().learning(source.clone());
        let clone = ring.clone();
        let by_new = KeyRing::parse(&[&new]).unwrap().seal(HERE, b"secret").unwrap();
        assert!(ring.open(HERE, &by_new).is_none());
        *source.0.lock().unwrap() = Some(vec![new, old]);
        assert!(ring.open(HERE, &by_new).is_some(), "it looks when it does not know a key");
        assert!(clone.is_first(&by_new) && clone.is_first(&clone.seal(HERE, b"x").unwrap()));
        *source.0.lock().unwrap() = Some(vec!["damaged".into()]);
        assert_eq!(ring.ids(), ["k2", "k1"], "what cannot be read changes nothing");
    }

    #[test]
    fn a_value_moved_or_damaged_does_not_open() {
        let ring = KeyRing::ephemeral();
        let sealed = ring.seal(HERE, b"secret").unwrap();
        assert!(ring.open(Place { row: "ben", ..HERE }, &sealed).is_none());
        assert!(ring.open(Place { column: "access_token", ..HERE }, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(ring.open(HERE, &damaged).is_none(), "byte {at}");
            assert!(ring.open(HERE, &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_under_the_same_id_does_not_open() {
        let sealed = KeyRing::parse(&[key("k1")]).unwrap().seal(HERE, b"secret").unwrap();
        assert!(KeyRing::parse(&[key("k1")]).unwrap().open(HERE, &sealed).is_none());
    }

    #[test]
    fn a_bad_key_is_named_but_never_shown() {
        let good = key("k1");
        let parse = |texts: &[&str]| KeyRing::parse(texts).unwrap_err();
        assert_eq!(parse(&[]), KeyError::None);
        assert_eq!(parse(&[&good, "c2VjcmV0"]), KeyError::NoId(2));
        assert_eq!(parse(&["k 1:c2VjcmV0"]), KeyError::BadId(1));
        assert_eq!(parse(&[&good, &good]), KeyError::SameId(2, "k1".into()));
        assert_eq!(parse(&["k1:sec ret"]), KeyError::NotBase64("k1".into()));
        assert_eq!(parse(&["k1:c2VjcmV0"]), KeyError::Length { id: "k1".into(), found: 6 });
        for error in [parse(&[&good, "c2VjcmV0"]), parse(&["k1:c2VjcmV0"]), parse(&["k1:sec ret"])] {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("c2VjcmV0") && !shown.contains("sec ret"), "{shown}");
        }
        assert_eq!(format!("{:?}", KeyRing::parse(&[good]).unwrap()), "KeyRing { ids: [\"k1\"], .. }");
    }
}
