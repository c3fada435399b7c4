//! The journal on a disk: what is appended is known after a restart, and what is not ours is refused.
