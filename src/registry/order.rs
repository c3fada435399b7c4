//! The order in which maps of connections are gone through: by chance, but chance that was passed in, so that a run under
//! virtual time can be repeated.

use std::hash::{BuildHasher, DefaultHasher, Hasher as _};

/// Hashes with a key of the process's own, so that nobody can make ids that collide.
#[derive(Clone, Debug)]
pub struct Order(u64);

impl Order {
    /// `draw` is between 0 and 1.
    #[must_use]
    pub fn drawn(draw: f64) -> Self {
        Self(draw.to_bits())
    }
}

impl BuildHasher for Order {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn in_order(draw: f64) -> Vec<u32> {
        let mut map = HashMap::with_hasher(Order::drawn(draw));
        map.extend((0..100).map(|n| (n, ())));
        map.into_keys().collect()
    }

    #[test]
    fn the_same_draw_is_the_same_order_and_another_is_another() {
        assert_eq!(in_order(0.25), in_order(0.25));
        assert_ne!(in_order(0.25), in_order(0.75));
    }
}
