//! What is typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use super::{
    actors, audit, call, check, deploy, dev, events, explain, export, key, kinds, new, passivate, recheck, refusals,
    rehearse, rollout, serve, snapshot, state, status, tenant, trouble, verify,
};
use crate::vocab::{AddressError, Key, Kind, Tenant};

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 the actor rejected the \
command; 4 not now, nothing was stored; 5 unknown whether it took effect.";

/// Persistent actors in a WebAssembly sandbox.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Where the server is
    #[arg(long, global = true, env = "GREENROOM_URL", default_value = "http://127.0.0.1:7411", value_name = "URL")]
    pub(super) url: String,
    /// On whose behalf
    #[arg(long, global = true, default_value = "default", value_name = "NAME", value_parser = tenant_name)]
    pub(super) tenant: Tenant,
    /// A file that holds the key; else GREENROOM_KEY has it, where the server asks for one
    #[arg(long, global = true, env = "GREENROOM_KEY_FILE", value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// Who signed the server's certificate, PEM; else who the system trusts
    #[arg(long, global = true, env = "GREENROOM_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Print JSON, for scripts; errors are one JSON object on standard error
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a server
    Serve(serve::Arguments),
    /// Deploy a component as the next revision of a kind
    Deploy(deploy::Arguments),
    /// Replay real histories into a component, and show what differs from the code that runs
    Rehearse(rehearse::Arguments),
    /// Write histories of a kind into a directory, to rehearse on them without a server
    Export(export::Arguments),
    /// Send a command to an actor and print its reply
    Call(call::Arguments),
    /// List the actors of a kind
    Actors(actors::Arguments),
    /// Show where an actor is in its life
    Status(status::Arguments),
    /// Print an actor's state, now or as it was
    State(state::Arguments),
    /// Print an actor's events
    Events(events::Arguments),
    /// Compare an actor's snapshots with what its events give
    Recheck(recheck::Arguments),
    /// Take a snapshot of an actor now
    Snapshot(snapshot::Arguments),
    /// End an actor's activation; its state stays in the journal
    Passivate(passivate::Arguments),
    /// List the actors that are quarantined or failed lately
    Trouble(trouble::list::Arguments),
    /// Show why an actor failed, at what, and what can be done
    Inspect(trouble::inspect::Arguments),
    /// Try to bring a quarantined actor back
    Retry(trouble::retry::Arguments),
    /// Leave out the event or command at which an actor failed
    Skip(trouble::skip::Arguments),
    /// End an actor's quarantine without trying
    Release(trouble::release::Arguments),
    /// Delete an actor's events and snapshots for good
    Purge(trouble::purge::Arguments),
    /// List commands that nobody will handle
    DeadLetters(trouble::dead_letters::Arguments),
    /// Have actors run another revision: all, a share, a share that grows, or some by name
    Activate(rollout::activate::Arguments),
    /// Go back to an earlier revision; state and events stay
    Rollback(rollout::roll_back::Arguments),
    /// Show how a rollout goes, and which revisions actors run
    Rollout(rollout::show::Arguments),
    /// List the kinds, or the revisions of one
    Kinds(kinds::Arguments),
    /// Create, list, show, change, suspend, resume or delete tenants
    Tenant(tenant::Arguments),
    /// Create, list, rotate or revoke keys
    Key(key::Arguments),
    /// Show what was administered, and by whom
    Audit(audit::Arguments),
    /// List components that are known to fail, or forget one
    Refusals(refusals::Arguments),
    /// Check a component as a deploy would, without a server
    Check(check::Arguments),
    /// Serve an actor's project on this machine, and follow its sources
    Dev(dev::Arguments),
    /// Write a new actor project into the current folder
    New(new::Arguments),
    /// Look at every byte of a store, or let a server look at its own; changes none
    Verify(verify::Arguments),
    /// Explain an error code
    Explain(explain::Arguments),
    /// Compile a component for the server that started this
    #[command(hide = true, name = crate::sandbox::WORKER_VERB)]
    CompileWorker {
        /// What the server grants
        order: Vec<String>,
    },
}

/// One actor of the tenant, typed as `KIND/KEY`. The first `/` ends the kind; the key may hold others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) key: Key,
}

/// Reads a kind.
pub(super) fn kind(text: &str) -> Result<Kind, AddressError> {
    Kind::new(text)
}

fn tenant_name(text: &str) -> Result<Tenant, AddressError> {
    Tenant::new(text)
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, key) = text.split_once('/').ok_or("write it as KIND/KEY, like counter/c-1")?;
        let said = |error: AddressError| error.to_string();
        Ok(Self { kind: Kind::new(kind).map_err(said)?, key: Key::new(key).map_err(said)? })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
    }

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_target_is_split_at_the_first_slash() {
        let target: Target = "counter/a/b:c".parse().unwrap();
        assert_eq!((target.kind.as_str(), target.key.as_str()), ("counter", "a/b:c"));
        assert!("counter".parse::<Target>().unwrap_err().contains("KIND/KEY"));
        assert!("counter/".parse::<Target>().is_err());
        assert!("Counter/a".parse::<Target>().is_err());
    }

    #[test]
    fn global_arguments_may_stand_after_the_verb() {
        let arguments = parse("greenroom actors counter --tenant acme --json --url http://127.0.0.1:1").unwrap();
        assert_eq!(arguments.global.tenant.as_str(), "acme");
        assert!(arguments.global.json);
    }

    #[test]
    fn every_verb_of_the_design_is_there() {
        for line in [
            "greenroom serve --data d --listen 127.0.0.1:0 --durability flush --log-format json",
            "greenroom serve --config c.toml",
            "greenroom deploy counter counter.wasm",
            "greenroom deploy counter counter.wasm --no-activate",
            "greenroom activate counter",
            "greenroom activate counter --revision 3 --now --reason try",
            "greenroom activate counter --percent 2.5 --failures 3",
            "greenroom activate counter --actors a,b",
            "greenroom activate counter --ramp 1,10,50,100 --pause 30s",
            "greenroom activate counter --hold",
            "greenroom activate counter --resume",
            "greenroom rollback counter",
            "greenroom rollback counter --to 2 --check",
            "greenroom rollout counter --follow",
            "greenroom rehearse counter counter.wasm",
            "greenroom rehearse counter counter.wasm --actors user-* --from snapshot --commands --junit report.xml --json",
            "greenroom rehearse counter counter.wasm --resume report.json",
            "greenroom rehearse counter counter.wasm --store histories --config c.toml",
            "greenroom export counter --to histories --actors all",
            "greenroom call counter/c-1 increment {\"by\":1} --idempotency-key k",
            "greenroom call counter/c-1 get -",
            "greenroom actors counter --after a --limit 5",
            "greenroom state counter/c-1 --at 7",
            "greenroom events counter/c-1 --from 3 --limit 2 --follow",
            "greenroom snapshot counter/c-1",
            "greenroom recheck counter/c-1",
            "greenroom passivate counter/c-1",
            "greenroom status counter/c-1",
            "greenroom tenant show acme",
            "greenroom tenant change acme --limit reply_bytes=4096 --limit turn_events=none",
            "greenroom tenant create acme --weight 5 --quota kinds=3 --quota actors=none --grants deploy",
            "greenroom tenant list",
            "greenroom tenant list acme",
            "greenroom tenant change acme --display-name Acme",
            "greenroom tenant suspend acme",
            "greenroom tenant resume acme",
            "greenroom tenant delete acme --force",
            "greenroom key create --operator --data d",
            "greenroom key create --tenant acme --scopes call,read --days 30 --name ci",
            "greenroom key list --operator",
            "greenroom key rotate 0123456789abcdef --overlap-hours 0",
            "greenroom key revoke 0123456789abcdef",
            "greenroom audit --operator --before 7 --limit 2",
            "greenroom trouble --operator --limit 5 --after a/b/c",
            "greenroom inspect counter/c-1",
            "greenroom retry counter/c-1",
            "greenroom skip counter/c-1 --reason broken",
            "greenroom release counter/c-1",
            "greenroom purge counter/c-1 --yes --reason gone",
            "greenroom dead-letters --before 7 --limit 2",
            "greenroom kinds",
            "greenroom kinds counter",
            "greenroom kinds counter --usage",
            "greenroom kinds counter --remove 3",
            "greenroom check counter.wasm",
            "greenroom check counter.wasm --config c.toml --json",
            "greenroom check counter.wasm --against counter",
            "greenroom refusals",
            "greenroom refusals forget 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "greenroom verify data --json --memory-mib 64",
            "greenroom verify --url http://127.0.0.1:1",
            "greenroom new my-actor",
            "greenroom dev",
            "greenroom dev my-actor --kind to-do --data d --listen 127.0.0.1:0 --log warn --json",
            "greenroom explain GR0007",
            "greenroom explain",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).map(|_| ()));
        }
    }
}
