//! A delivery as it arrived, its signature checked: what is written down before it is answered.

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The path's last segment, decoded; `None` where the path ends before.
    pub path: Option<Box<str>>,
    /// The header `Calendly-Webhook-Signature` as it came.
    pub signature: Option<Box<str>>,
    /// The header `Content-Type` as it came.
    pub content_type: Option<Box<str>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Byte for byte.
    pub body: Bytes,
}

const NOTHING: u32 = u32::MAX;

impl Arrival {
    /// As one record of a file.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = self.received_at.timestamp_micros().to_le_bytes().to_vec();
        for text in [&self.path, &self.signature, &self.content_type] {
            let length = text.as_ref().map_or(NOTHING, |text| u32::try_from(text.len()).unwrap_or(NOTHING));
            record.extend(length.to_le_bytes());
            record.extend(text.iter().flat_map(|text| text.bytes()));
        }
        record.extend_from_slice(&self.body);
        record
    }

    /// The inverse; `None` where it is no such record.
    #[must_use]
    pub fn from_record(record: &[u8]) -> Option<Self> {
        let (at, mut rest) = record.split_first_chunk()?;
        let received_at = DateTime::from_timestamp_micros(i64::from_le_bytes(*at))?;
        let mut text = || -> Option<Option<Box<str>>> {
            let (length, after) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(*length);
            rest = after;
            if length == NOTHING {
                return Some(None);
            }
            let (text, after) = rest.split_at_checked(length as usize)?;
            rest = after;
            Some(Some(std::str::from_utf8(text).ok()?.into()))
        };
        let (path, signature, content_type) = (text()?, text()?, text()?);
        Some(Self { path, signature, content_type, received_at, body: Bytes::copy_from_slice(rest) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_gives_back_what_it_was_made_of(
            path in prop::option::of("\\PC{0,20}"),
            signature in prop::option::of("[ -~]{0,40}"),
            micros in 0_i64..4_000_000_000_000_000,
            body in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let arrival = Arrival {
                path: path.map(Into::into),
                signature: signature.map(Into::into),
                content_type: None,
                received_at: DateTime::from_timestamp_micros(micros).unwrap(),
                body: body.into(),
            };
            prop_assert_eq!(Arrival::from_record(&arrival.to_record()), Some(arrival));
        }

        #[test]
        fn any_other_bytes_are_no_record_or_one_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(arrival) = Arrival::from_record(&bytes) {
                prop_assert_eq!(arrival.to_record(), bytes);
            }
        }
    }
}
