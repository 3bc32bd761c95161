//! What holds a compile worker in.

/// One thing that a compile worker cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Use more CPU time than its share.
    CpuTime,
    /// Have more memory than its share.
    Memory,
    /// Write files, open many, or leave a memory image behind.
    Files,
    /// Start processes or further threads, for any user but root.
    Processes,
    /// Gain rights by running something.
    Privileges,
    /// Live longer than the host.
    Orphan,
    /// Take the processors from anybody who wants them.
    Priority,
    /// Ask the system for anything but memory, time and its two pipes: no files, no network, no processes.
    SystemCalls,
}

impl Bound {
    pub(super) const ALL: [Self; 8] = [
        Self::CpuTime,
        Self::Memory,
        Self::Files,
        Self::Processes,
        Self::Privileges,
        Self::Orphan,
        Self::Priority,
        Self::SystemCalls,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::CpuTime => "cpu-time",
            Self::Memory => "memory",
            Self::Files => "files",
            Self::Processes => "processes",
            Self::Privileges => "privileges",
            Self::Orphan => "orphan",
            Self::Priority => "priority",
            Self::SystemCalls => "system-calls",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The bounds that hold, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bounds(pub(super) u8);

impl Bounds {
    pub(super) fn add(&mut self, bound: Bound) {
        self.0 |= bound.bit();
    }

    pub(super) const fn holds(self, bound: Bound) -> bool {
        self.0 & bound.bit() != 0
    }

    /// The names of those that do not hold on this machine.
    pub(super) fn missing(self) -> Vec<&'static str> {
        Bound::ALL.into_iter().filter(|bound| !self.holds(*bound)).map(Bound::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_named() {
        let mut bounds = Bounds::default();
        assert_eq!(bounds.missing().len(), Bound::ALL.len());
        Bound::ALL.into_iter().filter(|bound| *bound != Bound::Priority).for_each(|bound| bounds.add(bound));
        assert_eq!(bounds.missing(), ["priority"]);
    }
}
