//! A place among the events as it is handed out: opaque, so that nobody counts with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::super::extract::invalid;
use super::super::super::problem::Problem;

/// What a place is for: one kind's cursor is none of the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Events after it.
    On = 1,
    /// Those before it.
    Back = 2,
}

pub(super) fn write(way: Way, place: i64) -> String {
    let mut bytes = [way as u8; 9];
    bytes[1..].copy_from_slice(&place.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn read(way: Way, text: &str) -> Result<i64, Problem> {
    let bytes: Option<[u8; 9]> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let place = bytes.as_ref().and_then(|bytes| bytes.split_first()).filter(|(kind, _)| **kind == way as u8);
    let place = place.and_then(|(_, place)| place.try_into().ok()).map(i64::from_be_bytes);
    place
        .filter(|place| *place >= 0)
        .ok_or_else(|| invalid("the cursor is none that was given; begin without one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        for place in [0, 1, 77, i64::MAX] {
            assert_eq!(read(Way::On, &write(Way::On, place)).unwrap(), place);
            assert!(read(Way::Back, &write(Way::On, place)).is_err());
        }
        for wrong in [
            "",
            "0",
            "AQ",
            "!",
            &write(Way::On, -1),
            &write(Way::On, 1)[1..],
            &format!("{}A", write(Way::On, 1)),
        ] {
            assert!(read(Way::On, wrong).is_err(), "{wrong}");
        }
    }
}
