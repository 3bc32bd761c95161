//! How many commands the next turn may take, so that one actor's turn stays short.

/// A turn aims to run no longer than this, so that replies are not held back by their batch, nanoseconds.
const TURN_NS_AIM: f64 = 20e6;
/// Before the first turn a command is taken to cost this, nanoseconds: a first turn of slow commands stays short.
const COMMAND_NS_GUESS: f64 = 1e6;
/// Weight of the newest turn in the running mean.
const NEWEST_WEIGHT: f64 = 0.25;

/// Learns what a command of this actor costs and sizes turns by it.
#[derive(Debug, Clone, Copy)]
pub struct TurnSize {
    command_ns: f64,
    commands_max: usize,
}

impl TurnSize {
    /// Starts with a cautious guess; cheap commands make the turns grow.
    #[must_use]
    pub const fn new(commands_max: usize) -> Self {
        Self { command_ns: COMMAND_NS_GUESS, commands_max }
    }

    /// How many commands the next turn may take; at least one.
    #[must_use]
    pub fn commands(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the maximum below")]
        let affordable = (TURN_NS_AIM / self.command_ns.max(1.0)) as usize;
        affordable.clamp(1, self.commands_max.max(1))
    }

    /// Takes a turn into account.
    pub fn observe(&mut self, commands: usize, elapsed_ns: f64) {
        if commands == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let newest = elapsed_ns / commands as f64;
        self.command_ns += (newest - self.command_ns) * NEWEST_WEIGHT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_commands_fill_the_turn() {
        let mut size = TurnSize::new(256);
        for _ in 0..20 {
            size.observe(size.commands(), 10_000.0);
        }
        assert_eq!(size.commands(), 256);
    }

    #[test]
    fn slow_commands_go_one_by_one() {
        let mut size = TurnSize::new(256);
        for _ in 0..20 {
            size.observe(1, 50e6);
        }
        assert_eq!(size.commands(), 1);
    }
}
