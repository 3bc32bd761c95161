//! Actors written by hand, function by function, for what a compiler would never write: the body of one function of
//! the contract is given, the others are honest.

use greenroom_host::sandbox::{CommandColumns, Component, GuestFailure, Instance, Outcome};

use crate::kit::{contexts, engine, moment, options};

/// What a hand-written actor does differently.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Bare<'a> {
    /// Globals, tables, functions. The imports `$write` (of the log) and `$passivate` are there.
    pub(crate) declarations: &'a str,
    /// The body of `handle`, with the locals `$i` and `$n`; leaves an address on the stack. Empty: an empty reply.
    pub(crate) handle: &'a str,
    /// The body of `cabi_realloc`. Empty: a bump allocator.
    pub(crate) realloc: &'a str,
    /// The body of `state-as-json`. Empty: `{}`.
    pub(crate) state_as_json: &'a str,
    /// Runs after the result of `handle` was read.
    pub(crate) after_handle: &'a str,
    /// Runs when the module is instantiated.
    pub(crate) start: &'a str,
    /// What the component holds beside its two modules.
    pub(crate) parts: &'a str,
}

/// Where the honest answers lie in memory: a manifest with one command, an outcome with one empty reply.
const DATA: &str = r#"
    (data (i32.const 16) "run")
    (data (i32.const 32) "\10\00\00\00\03\00\00\00\00\00\00\00")
    (data (i32.const 64) "\20\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00")
    (data (i32.const 112) "{}")
    (data (i32.const 120) "\70\00\00\00\02\00\00\00")
    (data (i32.const 256)
        "\80\00\00\00\01\00\00\00"
        "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"
        "\80\00\00\00\01\00\00\00"
        "\00\00\00\00\00\00\00\00" "\80\00\00\00\01\00\00\00")
"#;

fn or<'a>(given: &'a str, honest: &'a str) -> &'a str {
    if given.is_empty() { honest } else { given }
}

impl Bare<'_> {
    /// The component's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let behavior = "greenroom:actor/behavior@1.0.0";
        let inspect = "greenroom:actor/inspect@1.0.0";
        let bump = "(global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
            (global.set $top (i32.add (global.get $top) (local.get $size)))
            (i32.sub (global.get $top) (local.get $size))";
        let own = format!(
            r#"
    (import "effects" "passivate" (func $passivate))
    (memory (export "memory") 2)
    (global $top (export "top") (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
        {realloc})
"#,
            realloc = or(self.realloc, bump),
        );
        let main = format!(
            r#"
    (import "own" "memory" (memory 2))
    (import "own" "top" (global $top (mut i32)))
    (import "log" "write" (func $write (param i32 i32 i32)))
    (import "effects" "passivate" (func $passivate))
    {declarations}
    {DATA}
    (func (export "{behavior}#describe") (result i32) (i32.const 64))
    (func (export "{behavior}#start") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 192))
    (func (export "{behavior}#replay") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 192))
    (func (export "{behavior}#recovered"))
    (func (export "{behavior}#handle") (param i32 i32 i32 i32 i32 i32 i64) (result i32) (local $i i32) (local $n i32)
        (global.set $top (i32.const 4096))
        {handle})
    (func (export "cabi_post_{behavior}#handle") (param i32) {after_handle})
    (func (export "{behavior}#capture") (result i32) (i32.const 192))
    (func (export "{inspect}#state-as-json") (result i32) {state_as_json})
    (func (export "{inspect}#event-as-json") (param i32 i32 i32) (result i32) (i32.const 192))
    (func $start {start})
    (start $start)
"#,
            declarations = self.declarations,
            handle = or(self.handle, "(i32.const 256)"),
            after_handle = self.after_handle,
            state_as_json = or(self.state_as_json, "(i32.const 120)"),
            start = self.start,
        );
        let text = include_str!("bare.wat.in").replace("@PARTS@", self.parts);
        let text = text.replace("@OWN@", &own).replace("@MAIN@", &main);
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub(crate) fn load(&self) -> Component {
        engine().load(&self.bytes()).unwrap()
    }

    /// An instance that is ready for commands.
    pub(crate) fn started(&self) -> Instance {
        crate::kit::started_from(&self.load(), "bare")
    }

    /// Handles one command in a new instance.
    pub(crate) fn run(&self) -> Result<Outcome, GuestFailure> {
        let mut instance = self.load().instantiate(options("bare"))?;
        instance.start(moment(0), None)?;
        run(&mut instance)
    }
}

/// Handles one command.
pub(crate) fn run(instance: &mut Instance) -> Result<Outcome, GuestFailure> {
    let mut columns = CommandColumns::default();
    columns.names.push(0);
    columns.payloads.push(b"payload");
    instance.handle(moment(0), &columns, contexts(1))
}
