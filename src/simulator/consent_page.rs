//! What a browser sees of the consent page: what is asked for, and two buttons. Whoever is no browser agrees at once.

use super::answer::Answer;
use super::call::Form;

/// The parameter that the buttons add.
pub(super) const DECISION: &str = "decision";
/// Of the button that agrees.
pub(super) const ALLOW: &str = "allow";
/// Of the other one.
pub(super) const DENY: &str = "deny";

pub(super) fn show(parameters: &Form<'_>, scope: &str) -> Answer {
    let scopes: String = scope.split(' ').map(|scope| format!("<li>{}</li>\n", escaped(scope))).collect();
    let hidden: String = parameters
        .pairs()
        .filter(|(name, _)| *name != DECISION)
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escaped(name), escaped(value))
        })
        .collect();
    Answer::text(
        200,
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Simulated Calendly</title>\n\
             <h1>Simulated Calendly</h1>\n<p>An application asks for access to your account:</p>\n<ul>\n{scopes}</ul>\n\
             <form action=\"/oauth/authorize\">\n{hidden}\
             <button id=\"allow\" name=\"{DECISION}\" value=\"{ALLOW}\">Connect</button>\n\
             <button id=\"deny\" name=\"{DECISION}\" value=\"{DENY}\">Deny</button>\n</form>\n</html>\n"
        ),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
