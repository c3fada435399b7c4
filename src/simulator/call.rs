//! A request as the rest of the simulator reads it: where to, by whom, with what. No answers here.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Bytes;
use hyper::header::HeaderValue;

use super::faults::Endpoint;
use super::state::State;

pub(super) struct Call {
    pub endpoint: Endpoint,
    /// The last path segment where the path names one resource.
    pub id: String,
    pub query: String,
    pub authorization: Option<HeaderValue>,
    /// The body says it is JSON.
    pub json: bool,
    /// Somebody looks at the answer.
    pub browser: bool,
    pub body: Bytes,
}

impl Call {
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.credentials("Bearer")
    }

    /// Client id and secret of HTTP Basic, each of which RFC 6749 wants form-encoded.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let decoded = BASE64_STANDARD.decode(self.credentials("Basic")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decoded(id), form_decoded(secret)))
    }

    fn credentials(&self, scheme: &str) -> Option<&str> {
        let (given, rest) = self.authorization.as_ref()?.to_str().ok()?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then_some(rest.trim())
    }

    pub(crate) fn parameters(&self) -> Form<'_> {
        Form::of_query(&self.query)
    }

    /// The form of an OAuth call; a JSON object is taken too, as Calendly's own example sends one.
    pub(crate) fn form(&self) -> Form<'_> {
        if !self.json {
            return Form(url::form_urlencoded::parse(&self.body).collect());
        }
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&self.body).unwrap_or_default();
        let texts = object.into_iter().filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((Cow::Owned(name), Cow::Owned(text))),
            _ => None,
        });
        Form(texts.collect())
    }

    /// Whose request it is, as far as its tokens say.
    pub(crate) fn user(&self, state: &State) -> Option<u32> {
        let grant = match self.endpoint {
            Endpoint::Token => {
                let form = self.form();
                if let Some(code) = form.get("code") {
                    return state.codes.get(code).map(|code| code.user);
                }
                state.text.read_refresh(form.get("refresh_token")?)?.grant
            }
            Endpoint::Revoke | Endpoint::Introspect => {
                let form = self.form();
                let token = form.get("token")?;
                state.text.read_refresh(token).or_else(|| state.text.read_access(token))?.grant
            }
            _ => state.text.read_access(self.bearer()?)?.grant,
        };
        state.grants.get(grant as usize).map(|grant| grant.user)
    }
}

/// Named values; of a name given twice the first counts, an empty value counts as absent.
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    pub(crate) fn of_query(query: &'a str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name)?;
        (!found.1.is_empty()).then_some(found.1.as_ref())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Written as a query again, without `left_out`.
    pub(crate) fn query_without(&self, left_out: &str) -> url::form_urlencoded::Serializer<'static, String> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(name, _)| name != left_out));
        query
    }
}

pub(super) fn form_decoded(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    // Parsed as the value of a nameless parameter; `&` and `=` cannot occur in what was form-encoded.
    let parameter = format!("={text}");
    url::form_urlencoded::parse(parameter.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
