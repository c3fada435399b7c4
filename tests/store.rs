//! The store's one suite: every test runs in memory, on SQLite and on PostgreSQL. What only a database can do runs on
//! both databases, what only one can do stands in its own module.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test starts tasks of its own, and what it did not expect fails it"
)]

#[path = "store/databases.rs"]
mod databases;
#[path = "store/facts.rs"]
mod facts;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/forward.rs"]
mod forward;
#[path = "store/forward_ends.rs"]
mod forward_ends;
#[path = "store/gaps.rs"]
mod gaps;
#[path = "store/given.rs"]
mod given;
#[path = "store/grants.rs"]
mod grants;
#[path = "store/inbox.rs"]
mod inbox;
#[path = "store/inbox_later.rs"]
mod inbox_later;
#[path = "store/keys.rs"]
mod keys;
#[path = "store/locks.rs"]
mod locks;
#[path = "store/notices.rs"]
mod notices;
#[path = "store/pooler.rs"]
mod pooler;
#[path = "store/postgres_only.rs"]
mod postgres_only;
#[path = "store/postgres_tls.rs"]
mod postgres_tls;
#[path = "store/rates.rs"]
mod rates;
#[path = "store/rotation.rs"]
mod rotation;
#[path = "store/sqlite_only.rs"]
mod sqlite_only;
mod support;

use fixture::{Backend, run};

macro_rules! suite {
    (everywhere { $($module:ident::$name:ident,)* } databases { $($sql_module:ident::$sql_name:ident,)* }) => {
        mod memory {
            $(#[test] fn $name() { super::run(super::Backend::Memory, super::$module::$name); })*
        }
        mod sqlite {
            $(#[test] fn $name() { super::run(super::Backend::Sqlite, super::$module::$name); })*
            $(#[test] fn $sql_name() { super::run(super::Backend::Sqlite, super::$sql_module::$sql_name); })*
        }
        mod postgres {
            $(
                #[test]
                #[cfg_attr(not(has_postgres), ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql")]
                fn $name() { super::run(super::Backend::Postgres, super::$module::$name); }
            )*
            $(
                #[test]
                #[cfg_attr(not(has_postgres), ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql")]
                fn $sql_name() { super::run(super::Backend::Postgres, super::$sql_module::$sql_name); }
            )*
        }
    };
}

suite! {
    everywhere {
    grants::a_grant_is_read_back_as_it_was_given,
    grants::an_id_that_was_never_given_is_nobody,
    grants::a_known_token_changes_nothing_even_after_use,
    grants::a_token_of_another_connection_is_refused,
    grants::of_two_lines_with_one_token_the_first_has_it,
    grants::lines_of_a_batch_see_those_before_them,
    grants::a_dry_run_answers_and_writes_nothing,
    grants::a_stored_grant_gives_way_only_to_a_later_expiry,
    grants::a_new_grant_clears_what_the_old_one_left_but_not_the_pause,
    grants::who_is_not_said_to_be_another_stays_the_same_user,
    grants::generations_go_on_over_a_deletion,
    grants::after_a_deletion_only_the_last_token_may_come_back,
    grants::a_token_that_was_being_sent_when_it_was_deleted_does_not_come_back,
    grants::a_newer_grant_is_later_even_by_a_clock_that_was_set_back,
    grants::a_deletion_erases_and_is_done_once,
    grants::pages_come_in_order_and_end,
    grants::grants_deletions_and_pauses_move_the_marker_and_rotations_do_not,
    grants::changes_come_in_portions,
    grants::a_poller_misses_no_change_under_load,
    grants::a_nul_in_a_grant_is_refused_by_name,
    rotation::a_claim_hands_out_the_token_and_shows_in_the_row,
    rotation::a_claim_is_guarded_by_every_fact,
    rotation::one_of_32_claimers_wins,
    rotation::a_seized_claim_leaves_doubt_behind,
    rotation::a_released_claim_keeps_the_oldest_doubt,
    rotation::a_claim_is_released_by_its_own_id_alone,
    rotation::a_commit_writes_the_whole_pair_and_ends_the_claim,
    rotation::a_commit_without_a_refresh_token_keeps_the_old_one,
    rotation::a_commit_needs_no_claim_and_may_be_generations_ahead,
    rotation::a_pair_without_a_refresh_token_is_not_put_over_a_spent_one,
    rotation::a_commit_told_twice_is_kept_once,
    rotation::an_older_commit_changes_nothing_and_learns_what_is_stored,
    rotation::a_commit_of_a_replaced_grant_changes_nothing,
    rotation::a_commit_of_a_deleted_grant_changes_nothing,
    rotation::a_commit_of_a_grant_deleted_and_given_anew_changes_nothing,
    rotation::a_pause_in_mid_rotation_stays,
    rotation::a_commit_brings_a_refused_grant_back_to_life,
    rotation::a_late_refusal_harms_no_newer_pair,
    rotation::a_refused_grant_is_not_claimed_until_a_new_one_comes,
    rotation::a_rotated_token_is_remembered_under_its_connection,
    rotation::a_pair_with_a_token_known_elsewhere_is_kept_all_the_same,
    rotation::one_bad_row_among_fifty_harms_nobody,
    rotation::a_commit_survives_the_caller_that_goes_away,
    rotation::a_nul_in_an_answer_costs_no_pair,
    forward::a_row_that_is_behind_gets_the_latest_pair,
    forward::a_refusal_of_a_row_that_went_back_ends_with_the_pair,
    forward::a_pair_without_a_refresh_token_goes_on_with_the_rows,
    forward::a_row_of_an_older_grant_gets_the_whole_newer_one,
    forward::a_row_that_is_missing_gets_the_whole_grant,
    forward::a_row_as_new_or_newer_is_left_alone,
    forward_ends::a_pair_of_an_older_grant_that_was_never_stored_is_to_be_revoked,
    forward_ends::the_late_pair_of_a_deleted_grant_is_to_be_revoked,
    forward_ends::a_grant_given_after_a_deletion_comes_back,
    forward_ends::a_deletion_that_was_taken_back_is_done_again,
    forward_ends::a_deletion_done_again_on_an_older_grant_keeps_the_deleted_one_out,
    forward_ends::a_deletion_of_a_row_that_is_missing_leaves_a_tombstone,
    forward_ends::a_pause_that_was_taken_back_is_set_again_and_so_is_its_end,
    forward_ends::a_pause_that_the_row_has_seen_is_not_set_again,
    forward_ends::a_row_given_back_is_paused_as_it_was,
    forward_ends::a_grant_over_an_older_one_that_went_further_goes_on_from_there,
    forward_ends::a_pair_written_over_a_refusal_is_a_change_that_others_see,
    forward_ends::a_pair_whose_refresh_token_nobody_knows_is_lost_and_changes_nothing,
    forward::a_token_written_forward_is_refused_under_another_id,
    forward::a_pair_with_a_token_known_elsewhere_is_written_all_the_same,
    forward::with_one_bad_row_nothing_is_written_and_alone_the_others_are,
    forward::a_nul_in_a_journalled_answer_costs_no_pair,
    forward::more_than_one_statement_takes_are_written,
    facts::a_webhook_fact_is_saved_for_all_and_touched_by_no_rotation,
    facts::a_user_is_learned_once_and_for_its_grant_alone,
    facts::a_quarantine_comes_and_goes,
    facts::a_subscription_is_recorded_by_owner_and_callback,
    facts::the_timeline_is_newest_first,
    facts::old_entries_of_the_timeline_are_forgotten_and_new_ones_are_not,
    facts::a_gap_told_twice_is_no_error,
    gaps::gaps_are_open_until_they_are_closed,
    gaps::how_far_a_backfill_has_come_is_kept_and_what_it_found_is_summed_up,
    gaps::a_gap_told_again_after_it_was_closed_is_open_from_the_start,
    gaps::more_gaps_than_one_statement_takes_are_noted_and_closed,
    gaps::when_a_keeper_was_last_alive_is_kept,
    inbox::events_are_kept_in_order_and_a_repetition_is_recognised,
    inbox::a_body_is_kept_byte_for_byte_whatever_it_holds,
    inbox::what_is_not_to_be_relayed_is_only_kept,
    inbox::no_reader_is_passed_by_an_event,
    inbox::what_is_due_is_the_first_of_its_line,
    inbox::attempts_are_told_and_counted,
    inbox::what_waits_can_be_hurried_and_is_counted,
    inbox::living_connections_are_found_by_id_and_by_user,
    inbox::an_organizations_first_living_connection_is_found,
    inbox_later::events_are_fetched_from_a_place_on_also_of_one_connection,
    inbox_later::an_acknowledged_place_never_goes_back,
    inbox_later::a_list_is_newest_first_of_what_was_selected_page_by_page,
    inbox_later::events_are_replayed_whatever_became_of_them,
    inbox_later::a_selection_is_replayed_in_portions,
    inbox_later::what_is_erased_stays_known_and_is_never_shown_or_sent,
    inbox_later::what_is_old_goes_but_nothing_that_somebody_waits_for,
    keys::what_is_handed_over_are_the_living_connections_with_their_latest_tokens,
    keys::a_deletion_hands_the_erased_token_out_once,
    notices::what_was_announced_is_read_back_replaced_and_forgotten,
    notices::more_notices_than_one_statement_takes_are_kept,
    }
    databases {
    databases::everything_is_there_after_a_restart,
    databases::another_key_is_refused_and_changes_nothing,
    databases::a_second_key_opens_what_the_first_sealed,
    databases::a_token_moved_to_another_row_does_not_open,
    databases::one_unreadable_row_hides_no_other,
    databases::a_database_of_a_newer_version_is_refused,
    databases::a_keeper_whose_database_a_newer_one_migrated_works_no_more,
    databases::ten_that_open_at_once_share_one_database,
    databases::people_can_read_the_times,
    databases::a_gap_told_twice_is_one_row,
    keys::the_old_key_is_not_needed_after_everything_was_sealed_anew,
    keys::what_no_key_opens_is_named_and_hides_no_other,
    keys::rotations_go_on_while_everything_is_sealed_anew,
    keys::the_keeper_at_work_says_which_keys_it_has,
    locks::nothing_is_claimed_without_the_keeper_lock,
    }
}
