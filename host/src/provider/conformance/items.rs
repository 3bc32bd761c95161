//! The promises of a provider, by number: which checks show each, and which ones this contract does not make.

/// One promise.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Its number, with a `P` before it. Numbers have gaps and never change.
    pub id: &'static str,
    /// The promise in few words.
    pub promise: &'static str,
    /// How it bears on a provider.
    pub bearing: Bearing,
}

/// How a promise bears on a provider.
#[derive(Debug, Clone, Copy)]
pub enum Bearing {
    /// The checks with these beginnings of names show it.
    Shown(&'static [&'static str]),
    /// It does not bind a provider of this contract, for this reason.
    Elsewhere(&'static str),
}

use Bearing::{Elsewhere, Shown};

const fn item(id: &'static str, promise: &'static str, bearing: Bearing) -> Item {
    Item { id, promise, bearing }
}

/// Every promise, in the order of the numbers.
pub const ITEMS: &[Item] = &[
    item("P1", "an unknown journal is empty", Shown(&["p1_replay"])),
    item("P2", "an unknown actor has no snapshot", Shown(&["p2_"])),
    item("P3", "actors are independent", Shown(&["p3_"])),
    item("P5", "any key round-trips and is its own", Shown(&["p5_any", "p5_an_address"])),
    item("P6", "events and snapshots do not collide", Shown(&["p6_"])),
    item("P7", "named streams under one id", Elsewhere("an actor has one journal; streams of it have no names")),
    item("P8", "the first number is 1, the next is one more", Shown(&["p8_"])),
    item("P9", "append tells the new head", Shown(&["p8_"])),
    item("P10", "what is acknowledged is readable at once", Shown(&["p10_p11", "p10_p22"])),
    item("P11", "bytes and metadata come back unchanged", Shown(&["p10_p11", "p25_"])),
    item(
        "P12",
        "an append without events",
        Elsewhere("cannot be expressed: a frame has at least one event, and encoding refuses less"),
    ),
    item("P13", "a turn is all or nothing under faults", Shown(&["p13_"])),
    item("P14", "an append that contradicts itself is refused", Shown(&["p14_p15", "p14_a_frame"])),
    item("P15", "a gap is refused with both numbers", Shown(&["p14_p15"])),
    item("P17", "an expected number that is wrong is a conflict", Shown(&["p17_"])),
    item(
        "P18",
        "expected: none, some, any",
        Elsewhere("the expected number is always exact: zero says none; there is no any (P17 shows the rest)"),
    ),
    item(
        "P19",
        "expected: some, of a deleted stream",
        Elsewhere("the expected number is always exact and survives deletion (P64)"),
    ),
    item("P20", "a failed append leaves everything as it was", Shown(&["p17_", "p20_"])),
    item("P21", "of concurrent appends one wins", Shown(&["p21_"])),
    item("P22", "two handles still conflict", Shown(&["p10_p22"])),
    item("P23", "a repetition succeeds and is stored once", Shown(&["p23_a_repeated", "p23_a_repetition"])),
    item("P25", "also after the store was reopened", Shown(&["p25_"])),
    item("P26", "concurrent actors stay contiguous", Shown(&["p26_"])),
    item("P27", "acknowledgements come in order", Shown(&["p27_"])),
    item("P28", "refused and unknown are told apart", Shown(&["p13_", "p14_a_frame"])),
    item("P29", "trouble of the storage is never a refusal", Shown(&["p20_"])),
    item("P30", "what is too large is refused before it is written", Shown(&["p30_"])),
    item("P31", "exactly at the limit succeeds", Shown(&["p30_", "p86_"])),
    item("P33", "a failure after sending is no success; a read tells", Shown(&["p13_", "p33_"])),
    item("P34", "the head waits for appends before it", Shown(&["p34_the_head", "p34_nothing"])),
    item("P35", "a writer that fell behind is refused", Shown(&["p35_"])),
    item("P36", "numbers above 2^53 survive", Shown(&["p36_"])),
    item("P38", "the lower bound is inclusive", Shown(&["p38_"])),
    item("P39", "the upper bound is inclusive, zero reads nothing", Shown(&["p38_"])),
    item("P40", "both bounds together", Shown(&["p38_"])),
    item(
        "P41",
        "a limit on the count",
        Elsewhere("a read is bounded by numbers and pulled by the reader, not counted (P50)"),
    ),
    item(
        "P42",
        "a count of 0",
        Elsewhere("reads are not counted; through zero reads nothing (P39), a page of 0 is empty (P107)"),
    ),
    item("P44", "equal bounds read one event", Shown(&["p38_"])),
    item("P45", "beyond the head there is nothing", Shown(&["p38_"])),
    item("P46", "the head is told even if nothing is read", Shown(&["p38_", "p64_"])),
    item("P47", "the end is told once, after the last event", Shown(&["p47_"])),
    item("P48", "two replays are identical", Shown(&["p48_"])),
    item("P49", "a million events in bounded memory", Shown(&["p49_a_million", "p49_p50"])),
    item("P50", "nothing is produced ahead", Shown(&["p49_p50", "p50_"])),
    item("P51", "empty ranges do not stall", Shown(&["p51_"])),
    item("P52", "an abandoned read frees what it holds", Shown(&["p52_"])),
    item("P53", "a reader beside a writer sees a prefix", Shown(&["p53_"])),
    item("P55", "a damaged event is an error by name and number", Shown(&["p55_"])),
    item("P56", "a failed read is an error, not the end", Shown(&["p56_"])),
    item(
        "P57",
        "overlapping writers found on replay",
        Elsewhere(
            "no append can store them: each names the number before it (P17, P35); the log's reader finds them where somebody \
             else did (p57 in its own tests)",
        ),
    ),
    item("P58", "the last event alone", Shown(&["p38_"])),
    item("P59", "a bounded read moves nothing", Shown(&["p38_"])),
    item("P60", "deleting hides a prefix", Shown(&["p60_"])),
    item("P61", "the rest is intact", Shown(&["p60_"])),
    item("P62", "the head survives deletion", Shown(&["p60_", "p64_"])),
    item("P64", "deleting all does not block appends", Shown(&["p64_"])),
    item("P65", "deleting nothing or twice is harmless", Shown(&["p65_"])),
    item("P66", "deleting one does not touch another", Shown(&["p65_"])),
    item("P67", "from the last deleted number on: all survivors", Shown(&["p67_"])),
    item("P68", "up to inside of the deleted: none", Shown(&["p67_"])),
    item("P69", "up to the last deleted: none", Shown(&["p67_"])),
    item("P70", "across the deleted: the survivors", Shown(&["p67_"])),
    item("P72", "uncovered events are deleted by force only", Shown(&["p72_"])),
    item("P73", "an archive comes before deletion", Shown(&["p73_"])),
    item("P74", "soft deletion; re-creation goes on", Shown(&["p64_"])),
    item("P75", "space is given back", Shown(&["p75_"])),
    item("P76", "what is covered keeps its number; again is the same", Shown(&["p60_", "p65_"])),
    item("P77", "the highest snapshot is loaded", Shown(&["p77_"])),
    item("P78", "with a highest number", Shown(&["p77_"])),
    item(
        "P79",
        "with a latest time",
        Elsewhere("snapshots are chosen by number only; times are the turn's and may repeat"),
    ),
    item("P80", "with both", Elsewhere("snapshots are chosen by number only; times are the turn's and may repeat")),
    item("P81", "no match is none", Shown(&["p77_"])),
    item("P82", "the same number replaces", Shown(&["p82_"])),
    item("P83", "deleting one makes the previous the newest", Shown(&["p83_"])),
    item("P85", "deleting what is not there is harmless", Shown(&["p83_"])),
    item("P86", "sizes up to the limit", Shown(&["p86_"])),
    item("P87", "what a snapshot says of itself", Shown(&["p87_"])),
    item("P88", "every byte value, and a checksum", Shown(&["p86_", "p90_"])),
    item("P90", "a damaged snapshot falls back to the older one", Shown(&["p90_"])),
    item("P91", "a failed save leaves the earlier ones", Shown(&["p91_"])),
    item("P93", "no snapshot above the head", Shown(&["p93_"])),
    item("P96", "visible once saved, and not before", Shown(&["p96_"])),
    item("P97", "a power cut loses nothing acknowledged", Shown(&["p97_", "every_acknowledged"])),
    item("P98", "a torn tail is cut, the rest intact", Shown(&["p97_"])),
    item("P100", "after a failed sync no false success", Shown(&["p100_"])),
    item("P101", "a full disk", Shown(&["p101_"])),
    item("P103", "closing, opening again, a second process", Shown(&["p103_a_closed", "p103_a_second", "p25_"])),
    item("P104", "a newer format is refused untouched", Shown(&["p104_"])),
    item("P105", "the stored format selects the decoder", Shown(&["p87_", "p10_p11"])),
    item("P106", "after failures: answers at once, then recovers", Shown(&["p106_", "p101_"])),
    item("P107", "listing by key, in pages", Shown(&["p107_", "records_"])),
    item(
        "P108",
        "a global order",
        Elsewhere("the contract has no order across actors; a follower reads one journal by number (P53)"),
    ),
    item(
        "P109",
        "subscriptions resume",
        Elsewhere("a follower resumes by reading from the number after its last one, bounds inclusive (P38, P53)"),
    ),
    item(
        "P110",
        "metrics",
        Elsewhere("metrics are a provider's own; those of the log are checked on a running server (tests/e2e)"),
    ),
    item("P111", "random histories agree with a model", Shown(&["p111_"])),
    item("P112", "10,000 one by one, pipelined, recovered", Shown(&["p112_"])),
];
