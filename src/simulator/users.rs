//! `GET /users/me`.

use serde_json::json;

use super::answer::Answer;
use super::api::admit;
use super::call::Call;
use super::state::State;
use super::time;

pub(super) fn me(state: &mut State, call: &Call) -> Answer {
    let caller = match admit(state, call, "users:read") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let user = &state.users[caller.user as usize];
    let slug: String = user
        .name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect();
    let created_at = time::written(user.created_at);
    let body = json!({"resource": {
        "uri": state.user_uri(caller.user),
        "name": user.name,
        "slug": slug,
        "email": format!("{slug}@example.com"),
        "scheduling_url": format!("https://calendly.com/{slug}"),
        "timezone": "Europe/London",
        "locale": "en",
        "avatar_url": null,
        "created_at": created_at,
        "updated_at": created_at,
        "current_organization": state.organization_uri(caller.organization),
        "resource_type": "User",
    }});
    Answer::json(200, &body).with(caller.allowance)
}
