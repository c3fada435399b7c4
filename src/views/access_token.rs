//! An access token, for whoever may have it: the one shape that holds a secret.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::shown;
use crate::domain::ids::Generation;
use crate::domain::secrets::AccessToken;

/// A living token.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccessToken)]
pub struct AccessTokenView<'a> {
    /// For the header `Authorization: Bearer …`.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub access_token: &'a AccessToken,
    /// `Bearer`.
    pub token_type: &'static str,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Which one it is: to be sent as `rejected` where Calendly refuses it.
    pub generation: i64,
    /// Granted.
    pub scopes: Vec<&'a str>,
    /// Wanted but not granted.
    pub missing_scopes: Vec<String>,
}

impl<'a> AccessTokenView<'a> {
    /// Of a token, the scopes of its grant and those that it lacks.
    #[must_use]
    pub fn new(
        token: &'a AccessToken,
        (generation, expires_at): (Generation, DateTime<Utc>),
        scope: Option<&'a str>,
        missing_scopes: Vec<String>,
    ) -> Self {
        Self {
            access_token: token,
            token_type: "Bearer",
            expires_at: shown(expires_at),
            generation: generation.0,
            scopes: scope.unwrap_or_default().split_whitespace().collect(),
            missing_scopes,
        }
    }
}

fn exposed<S: Serializer>(token: &AccessToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}
