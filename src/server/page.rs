//! The few words that a browser is shown: no script, nothing from elsewhere, kept nowhere.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// Headers of whatever answers a URL that holds a secret: it goes no further.
pub(super) fn keep_to_itself(response: &mut HttpResponseBuilder) {
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((REFERRER_POLICY, "no-referrer"));
}

/// A title and a sentence; `beside` is small.
pub(super) fn write(
    response: &mut HttpResponseBuilder,
    title: &str,
    sentence: &str,
    beside: Option<&str>,
) -> HttpResponse {
    keep_to_itself(response);
    response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
    response.insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"));
    response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let beside = beside.map(|text| format!("<p><small>{}</small></p>\n", escaped(text))).unwrap_or_default();
    response.body(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p>{}</p>\n{beside}</html>\n",
        escaped(sentence),
        title = escaped(title),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_cannot_be_markup() {
        assert_eq!(escaped("<b title=\"a\">&</b>"), "&lt;b title=&quot;a&quot;&gt;&amp;&lt;/b&gt;");
    }
}
