//! The stable codes of everything that can go wrong, and what the caller should do about each.
//!
//! A code is never reused and never changes its meaning. Its page, `docs/errors/<code>.md`, is part of the binary.

use std::fmt;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Change the request; the same one will fail again.
    Request,
    /// The thing that was named does not exist; check the name or deploy it.
    NotFound,
    /// Send less; the limit is in the message.
    TooLarge,
    /// The actor said no. This is an answer, not a fault.
    Rejected,
    /// Wait a moment, then send the same request again.
    Overloaded,
    /// The host cannot serve now; try again later or elsewhere.
    Unavailable,
    /// The request contradicts what is stored; read again and decide.
    Conflict,
    /// Nothing was stored; send the same request again.
    Retry,
    /// It is not known whether the request took effect; repeat it with the same idempotency key.
    Unknown,
    /// The actor's code is at fault; tell its author.
    Guest,
    /// Somebody has to look at the host or its store.
    Operator,
    /// Use a key that is valid and may do this, or ask the operator.
    Access,
    /// Give something back, or ask the operator for more.
    Quota,
}

macro_rules! codes {
    ($($number:literal $name:ident $kind:ident $title:literal,)*) => {
        /// A stable error code, written `GR0001` and so on; `greenroom explain CODE` prints its page.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $name = $number,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// One sentence that says what happened.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the caller should do.
            #[must_use]
            pub const fn kind(self) -> ErrorKind {
                match self { $(Self::$name => ErrorKind::$kind,)* }
            }

            /// The page on this code: cause, fix, common mistakes.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../../docs/errors/GR", stringify!($number), ".md")),)* }
            }
        }
    };
}

codes! {
    0001 InvalidAddress Request "a tenant, kind or key is not allowed",
    0002 UnknownTenant NotFound "no such tenant",
    0003 UnknownKind NotFound "no such kind is deployed for this tenant",
    0004 UnknownCommand NotFound "the kind's running revision has no such command",
    0005 MalformedPayload Request "the actor could not decode the command's payload",
    0006 PayloadTooLarge TooLarge "the command's payload is over the limit",
    0007 Rejected Rejected "the actor refused the command; nothing was stored",
    0008 MailboxFull Overloaded "the actor's mailbox is full",
    0009 ShuttingDown Unavailable "the host is shutting down",
    0010 UnknownActor NotFound "this actor has never stored an event",
    0011 SequenceOutOfRange Request "the journal does not hold that sequence number",
    0012 InvalidIdempotencyKey Request "the idempotency key is empty, too long or was used for another command",
    0013 TimedOut Unknown "the answer did not come in time; the command may still be handled",
    0014 InvalidRequest Request "the request's path, query or body is not understood",
    0015 MethodNotAllowed Request "the path exists, the method does not",
    0016 UnknownPath NotFound "there is no such path",
    0020 NotAComponent Request "the file is not a WebAssembly component",
    0021 ContractVersion Request "the component's contract version is missing or not served by this host",
    0022 ForbiddenImport Request "the component imports something that actors may not have",
    0023 ComponentTooLarge TooLarge "the component is over a size or structure limit",
    0024 InvalidManifest Request "the component describes itself wrongly",
    0025 IncompatibleRevision Conflict "the new revision cannot read events that are already in journals",
    0026 CompileFailed Request "the component could not be compiled",
    0027 MissingExport Request "the component lacks a function of the contract",
    0028 CompileOutOfTime Request "compiling the component takes longer than the limit",
    0029 CompileOutOfMemory Request "compiling the component takes more memory than the limit",
    0030 CompilerCrashed Request "the compiler crashed over the component",
    0031 DeploysFull Overloaded "too many deploys are under way",
    0032 CompileQuota Overloaded "the tenant has used the compile seconds that its quota allows",
    0033 ForbiddenFeature Request "the component uses a part of WebAssembly that actors may not use",
    0034 StateDrifted Guest "the actor's state is not what its events give",
    0037 CompilerUnavailable Unavailable "the compiler could not be run to its end; nothing is known about the component",
    0040 GuestTrapped Guest "the actor's code trapped while handling this command; nothing was stored",
    0041 GuestOutOfTime Guest "the actor's code ran longer than its limit; nothing was stored",
    0042 GuestOutOfMemory Guest "the actor's code asked for more memory than its limit; nothing was stored",
    0043 InvalidOutcome Guest "the actor's code returned columns that contradict themselves; nothing was stored",
    0044 GuestLimit Guest "the actor's code passed a limit on replies, events, effects or snapshots; nothing was stored",
    0045 StartFailed Guest "the actor's code refused to start",
    0046 ReplayFailed Operator "an event in the journal could not be applied",
    0047 SnapshotFailed Guest "the snapshot could not be taken or saved; the actor goes on from its events",
    0048 UnknownEventType Operator "the journal holds an event type that the running revision does not know",
    0051 RecoveryOutOfTime Unavailable "the recovery of the actor took longer than its limit",
    0052 JournalGrowthQuota Overloaded "the tenant stores more bytes per hour than its quota allows",
    0053 SnapshotQuota Quota "the tenant has as many snapshots as its quota allows",
    0054 LimitAboveCeiling Request "the limit is above the ceiling that this host allows",
    0056 HostMemory Overloaded "the guests of this host use as much memory as they may; nothing was stored",
    0057 RevisionQuota Quota "the tenant has as many revisions as its quota allows",
    0060 WriteConflict Retry "another writer appended to this journal first; nothing was stored",
    0061 OutcomeUnknown Unknown "the store did not confirm the write; it may or may not be stored",
    0062 StoreFailed Operator "the store failed to read or write",
    0063 StoreCorrupt Operator "the store holds bytes that fail their checksum",
    0064 FormatTooNew Operator "the store was written by a newer format",
    0065 StoreLocked Operator "another process has this data directory open",
    0066 StorePoisoned Operator "a sync failed earlier; the store refuses writes until it is reopened",
    0067 DiskFull Operator "the disk is full",
    0068 SequenceGap Operator "the journal skips a sequence number",
    0069 VerifyUnderWay Overloaded "the store is being verified already",
    0080 PortInUse Operator "the listen address is taken",
    0081 UnknownSetting Request "the configuration has a key that does not exist",
    0082 InvalidSetting Request "a setting has a value that is not allowed",
    0083 MachineLimit Operator "the machine's limits are too low for these settings",
    0084 Unreachable Unavailable "the server could not be reached",
    0085 FileUnreadable Request "a file could not be read or written",
    0100 MissingKey Access "the request has no key, and this server asks for one",
    0101 MalformedKey Access "this is no key: it has a typing error, or a part is missing",
    0102 InvalidKey Access "the key is unknown, expired or revoked",
    0103 Forbidden Access "the key may not do this",
    0104 TenantSuspended Access "the tenant is suspended",
    0105 TenantExists Conflict "there is, or was, a tenant of this name",
    0106 TenantInUse Conflict "the tenant still has actors",
    0107 UnknownKey NotFound "no such key",
    0110 CommandQuota Overloaded "the tenant sends more commands per second than its quota allows",
    0111 KindQuota Quota "the tenant has as many kinds as its quota allows",
    0112 ComponentQuota Quota "the tenant's components would have more bytes than its quota allows",
    0113 ActorQuota Quota "the tenant has as many actors as its quota allows",
    0114 LiveActorQuota Overloaded "the tenant has as many live actors as its quota allows, and none could leave in time",
    0115 MemoryQuota Overloaded "the tenant's actors would use more memory together than its quota allows",
    0116 JournalQuota Quota "the tenant stores as many bytes as its quota allows",
    0117 CpuQuota Overloaded "the tenant used up its CPU time, and as many of its commands wait as may",
    0118 TenantBusy Overloaded "as many commands of the tenant wait as may",
    0119 TenantConnections Overloaded "the tenant has as many connections as it may have",
    0120 Quarantined Operator "the actor is quarantined after it failed again and again; nothing was stored",
    0121 Restarting Unavailable "the actor failed and is restarted after a pause; nothing was stored",
    0122 NotQuarantined Conflict "the actor is not quarantined",
    0123 NothingToSkip Conflict "what the actor failed at cannot be skipped",
    0124 AttemptCutOff Operator "the host ended while it brought the actor back",
    0125 ActUnderWay Overloaded "an operator's act on this actor is under way",
    0130 RolloutUnderWay Conflict "another revision of the kind is being rolled out to some of its actors",
    0131 NoRollout Conflict "the kind has no rollout that this could be done to",
    0132 UnknownRevision NotFound "the kind has no such revision",
    0133 RolloutTakenBack Guest "too many actors failed on a new revision; the host went back to the stable one",
    0140 RevisionInUse Conflict "the revision is in use and cannot be removed",
    0150 RehearsalUnderWay Overloaded "a rehearsal of this tenant is under way",
    0151 RehearsalsFull Overloaded "as many rehearsals are under way as may be",
    0152 RehearsalOvertaken Conflict "another revision became active during the rehearsal",
}

impl Code {
    /// The code with this text, in any case: `GR0007`, `gr0007` or `7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.trim().trim_start_matches(|c: char| c.eq_ignore_ascii_case(&'g') || c.eq_ignore_ascii_case(&'r'));
        let number: u16 = digits.parse().ok()?;
        Self::of(number)
    }

    /// The code with this number, if there is one.
    #[must_use]
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| *code as u16 == number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GR{:04}", *self as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_that_says_cause_and_fix() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: {}", code.title())), "{code}");
            assert!(page.contains("## Cause") && page.contains("## Fix"), "{code}");
        }
    }

    #[test]
    fn a_code_is_found_by_what_people_type() {
        assert_eq!(Code::parse("GR0007"), Some(Code::Rejected));
        assert_eq!(Code::parse("gr7"), Some(Code::Rejected));
        assert_eq!(Code::parse("GR9999"), None);
    }
}
