//! The tables, as `diesel print-schema` writes them; this line is ours.
// @generated automatically by Diesel CLI.

diesel::table! {
    change_marker (id) {
        id -> BigInt,
        marker -> BigInt,
    }
}

diesel::table! {
    connections (id) {
        id -> Text,
        grant_id -> Text,
        generation -> BigInt,
        granted_generation -> BigInt,
        granted_at -> BigInt,
        client_id -> Nullable<Text>,
        access_token -> Nullable<Binary>,
        refresh_token -> Nullable<Binary>,
        refresh_fingerprint -> Binary,
        expires_at -> Nullable<BigInt>,
        lifetime -> BigInt,
        scope -> Nullable<Text>,
        calendly_user -> Nullable<Text>,
        calendly_organization -> Nullable<Text>,
        foreign_owner -> Nullable<Text>,
        refused_reason -> Nullable<Text>,
        refused_since -> Nullable<BigInt>,
        webhook_state -> Text,
        webhook_reason -> Nullable<Text>,
        webhook_since -> BigInt,
        webhook_verified_at -> Nullable<BigInt>,
        webhook_uri -> Nullable<Text>,
        paused_since -> Nullable<BigInt>,
        quarantined_since -> Nullable<BigInt>,
        quarantine_reason -> Nullable<Text>,
        claim_id -> Nullable<Text>,
        claim_holder -> Nullable<Text>,
        claim_at -> Nullable<BigInt>,
        unknown_since -> Nullable<BigInt>,
        attempts -> BigInt,
        next_attempt_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        changed -> BigInt,
    }
}

diesel::table! {
    consumers (name) {
        name -> Text,
        acknowledged -> BigInt,
        seen_at -> BigInt,
    }
}

diesel::table! {
    event_attempts (id) {
        id -> BigInt,
        ordinal -> BigInt,
        at -> BigInt,
        status -> Nullable<BigInt>,
        error -> Nullable<Text>,
        took -> BigInt,
    }
}

diesel::table! {
    event_places (id) {
        id -> BigInt,
        last -> BigInt,
    }
}

diesel::table! {
    events (ordinal) {
        ordinal -> BigInt,
        id -> Text,
        connection_id -> Text,
        event -> Text,
        line -> Text,
        occurred_at -> Nullable<BigInt>,
        received_at -> BigInt,
        queued_at -> BigInt,
        backfilled -> BigInt,
        signature -> Nullable<Text>,
        content_type -> Nullable<Text>,
        body -> Nullable<Binary>,
        state -> Text,
        next_at -> Nullable<BigInt>,
        attempts -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    fingerprints (fingerprint) {
        fingerprint -> Binary,
        connection_id -> Text,
    }
}

diesel::table! {
    gaps (id) {
        id -> BigInt,
        connection_id -> Text,
        from_at -> BigInt,
        opened_at -> BigInt,
        reason -> Text,
        closed_at -> Nullable<BigInt>,
        since_at -> Nullable<BigInt>,
        began_at -> Nullable<BigInt>,
        reached_at -> Nullable<BigInt>,
        found -> BigInt,
    }
}

diesel::table! {
    meta (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::table! {
    notices (subject) {
        subject -> Text,
        told -> Nullable<Text>,
        told_at -> Nullable<BigInt>,
        reminders -> BigInt,
        open_id -> Nullable<Text>,
        open_kind -> Nullable<Text>,
        open_at -> Nullable<BigInt>,
        attempts -> BigInt,
        next_at -> Nullable<BigInt>,
        reached -> BigInt,
        changes -> BigInt,
        reminder -> BigInt,
        seen -> Nullable<Text>,
        since_at -> Nullable<BigInt>,
        recent -> Text,
        withheld -> BigInt,
    }
}

diesel::table! {
    subscriptions (calendly_organization, calendly_user, callback) {
        calendly_organization -> Text,
        calendly_user -> Text,
        callback -> Text,
        uri -> Text,
        verified_at -> Nullable<BigInt>,
        retry_started_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    timeline (id) {
        id -> BigInt,
        connection_id -> Text,
        at -> BigInt,
        kind -> Text,
        text -> Text,
        detail -> Text,
    }
}
