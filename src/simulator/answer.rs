//! An answer on its way out: status, headers, body, and what its departure is to be noted on.
//! What Calendly's error bodies say stands in `errors`.

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

use super::grants::Whole;
use super::limits::Allowance;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

pub(super) struct Answer {
    pub status: u16,
    pub content_type: Option<HeaderValue>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
    pub allowance: Option<Allowance>,
    /// Set once the answer has left whole.
    pub whole: Option<Whole>,
    /// The body ends in the middle.
    pub truncated: bool,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            headers: Vec::new(),
            body: Bytes::new(),
            allowance: None,
            whole: None,
            truncated: false,
        }
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        // Everything serialized here has string keys, so this cannot fail; an empty body would show it.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { content_type: Some(JSON), body: body.into(), ..Self::empty(status) }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
             <hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
        );
        Self { content_type: Some(HTML), body: body.into(), ..Self::empty(status) }
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        let content_type = if body.trim_start().starts_with('<') { HTML } else { JSON };
        Self { content_type: Some(content_type), body: body.into(), ..Self::empty(status) }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn with(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    pub(crate) fn into_response(self) -> hyper::Response<Bytes> {
        let mut response = hyper::Response::new(self.body);
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if let Some(allowance) = self.allowance {
            headers.insert(HeaderName::from_static("x-ratelimit-limit"), allowance.limit.into());
            headers.insert(HeaderName::from_static("x-ratelimit-remaining"), allowance.remaining.into());
            headers.insert(HeaderName::from_static("x-ratelimit-reset"), allowance.reset.into());
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
