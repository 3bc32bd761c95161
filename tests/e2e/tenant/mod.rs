//! Tenants in a host of the test's own process; keys, TLS and the command line on a real server.

mod fair_share_scene;
mod scene;

mod a_deleted_tenant_leaves_nothing_that_can_be_read;
mod a_key_is_needed_from_the_first_one_on;
mod a_public_address_needs_keys_and_tls;
mod a_suspended_tenants_actors_leave_and_its_timers_wait;
mod a_tenant_cannot_fill_the_host;
mod a_tenant_that_computes_without_end_does_not_starve_another;
mod a_tenant_that_takes_all_memory_does_not_keep_others_off_the_stage;
mod a_tenant_with_many_actors_does_not_push_others_off_the_stage;
mod each_quota_holds_exactly;
mod guest_time_is_divided_by_weight;
mod limits_differ_by_tenant_and_kind;
mod limits_quotas_and_their_use_are_shown;
mod many_feeds_hold_few_instances;
mod no_permit_is_lost;
mod nothing_of_one_tenant_reaches_another;
mod tenants_and_keys_survive_a_crash;
mod tenants_are_administered_by_the_command_line;

pub(crate) use scene::{out, run};
