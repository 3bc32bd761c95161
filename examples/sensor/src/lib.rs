//! A thermometer that remembers the last hour and raises an alarm.

#![expect(missing_docs, reason = "an example: the names of the small types say it")]

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::{Actor, Answer, Command, Event, Never, Time, Turn};
use serde::{Deserialize, Serialize};

const WINDOW: Duration = Duration::from_secs(60 * 60);
const ALARM_MILLIDEGREES: i64 = 80_000;

/// The readings of the last hour before the newest one, by time, and whether the alarm is on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sensor {
    readings: BTreeMap<Time, i64>,
    alarm: bool,
}

#[derive(Debug, Clone, Command, Serialize, Deserialize)]
pub enum Ask {
    Report {
        millidegrees: i64,
    },
    #[command(read_only)]
    Window,
    /// Sent by its own timer.
    Quiet,
}

#[derive(Debug, Event, Serialize, Deserialize)]
pub enum Fact {
    /// Frequent and small: snapshots by time.
    Measured {
        at: Time,
        millidegrees: i64,
    },
    /// Rare and important: a snapshot each.
    AlarmRaised {
        at: Time,
    },
    AlarmEnded,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Window {
    pub readings: usize,
    pub mean_millidegrees: Option<i64>,
    pub alarm: bool,
}

impl Sensor {
    fn window(&self, now: Time) -> Window {
        let inside: Vec<i64> = self.readings.range(now - WINDOW..).map(|(_, &reading)| reading).collect();
        let sum = inside.iter().fold(0, |sum: i64, &reading| sum.saturating_add(reading));
        let mean_millidegrees = sum.checked_div(i64::try_from(inside.len()).unwrap_or(0));
        Window { readings: inside.len(), mean_millidegrees, alarm: self.alarm }
    }
}

impl Actor for Sensor {
    type Command = Ask;
    type Event = Fact;
    type Reply = Window;
    type Rejection = Never;

    fn handle(&self, command: Ask, turn: &mut Turn<Self>) -> Result<Answer<Self>, Never> {
        let now = turn.now();
        match command {
            Ask::Report { millidegrees } => {
                turn.append(Fact::Measured { at: now, millidegrees });
                if millidegrees >= ALARM_MILLIDEGREES {
                    if !self.alarm {
                        turn.append(Fact::AlarmRaised { at: now });
                    }
                    turn.schedule("quiet", now + WINDOW, &Ask::Quiet);
                }
            }
            Ask::Quiet if self.alarm => turn.append(Fact::AlarmEnded),
            Ask::Quiet | Ask::Window => {}
        }
        Ok(turn.reply(move |sensor| sensor.window(now)))
    }

    fn apply(&mut self, event: &Fact) {
        match event {
            Fact::Measured { at, millidegrees } => {
                self.readings.insert(*at, *millidegrees);
                self.readings = self.readings.split_off(&(*at - WINDOW));
            }
            Fact::AlarmRaised { .. } => self.alarm = true,
            Fact::AlarmEnded => self.alarm = false,
        }
    }
}

greenroom::export!(Sensor);
