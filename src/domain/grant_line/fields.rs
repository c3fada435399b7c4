//! What a line says, still as text: the same for JSON and CSV.

/// The names an import line may use.
pub(crate) const NAMES: [&str; 8] = [
    "id",
    "access_token",
    "refresh_token",
    "expires_at",
    "expires_in",
    "calendly_user",
    "calendly_organization",
    "scope",
];

/// A line's values under their names. Not given, `null` and empty are the same.
#[derive(Default)]
pub(crate) struct Fields {
    values: [Option<String>; NAMES.len()],
    /// Names that mean nothing here.
    pub(crate) unknown: Vec<String>,
}

impl Fields {
    /// Notes a value; false where the line has said one under this name before.
    pub(crate) fn set(&mut self, name: &str, value: Option<String>) -> bool {
        let Some(at) = NAMES.iter().position(|known| *known == name) else {
            self.unknown.push(name.into());
            return true;
        };
        let slot = &mut self.values[at];
        let first = slot.is_none();
        *slot = value.filter(|text| !text.is_empty());
        first
    }

    /// The value under a name of [`NAMES`].
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|known| *known == name)?;
        self.values[at].as_deref()
    }
}
