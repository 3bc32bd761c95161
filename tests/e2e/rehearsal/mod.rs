//! Rehearsals: what they find, and what they leave alone.

mod scene;

mod a_rehearsal_changes_nothing_and_keeps_to_its_share;
mod a_rehearsal_goes_on_where_it_was_broken_off;
mod a_tenant_has_one_rehearsal_and_sees_its_own_actors_only;
mod an_export_is_rehearsed_on_without_a_server;
mod commands_are_handled_again_by_both_revisions;
mod every_verdict_names_what_is_wrong;
mod the_command_line_shows_a_rehearsal_to_people_scripts_and_build_servers;

pub(crate) use scene::{KIND, version};
