//! The sensor over time.

use std::time::Duration;

use greenroom::testing::Given;
use greenroom::{Effect, Time};
use sensor::{Ask, Fact, Sensor, Window};

fn minute(minute: u64) -> Time {
    Time::from_ms(1_700_000_000_000) + Duration::from_secs(60 * minute)
}

fn measured(at: u64, millidegrees: i64) -> Fact {
    Fact::Measured { at: minute(at), millidegrees }
}

#[test]
fn the_window_holds_the_last_hour() {
    Given::<Sensor>::new()
        .events([measured(0, 10_000), measured(30, 20_000), measured(61, 30_000)])
        .at(minute(80))
        .when(Ask::Window)
        .then_no_events()
        .then_reply(Window { readings: 2, mean_millidegrees: Some(25_000), alarm: false })
        .at(minute(200))
        .when(Ask::Window)
        .then_reply(Window { readings: 0, mean_millidegrees: None, alarm: false });
}

#[test]
fn a_hot_reading_raises_the_alarm_and_sets_its_end() {
    let quiet = Effect::Schedule {
        timer: "quiet".to_owned(),
        at: minute(60),
        name: "quiet".to_owned(),
        payload: b"{}".to_vec(),
    };
    Given::<Sensor>::new()
        .at(minute(0))
        .when(Ask::Report { millidegrees: 90_000 })
        .then_events([measured(0, 90_000), Fact::AlarmRaised { at: minute(0) }])
        .then_effects([quiet])
        .then_reply(Window { readings: 1, mean_millidegrees: Some(90_000), alarm: true })
        .at(minute(60))
        .when(Ask::Quiet)
        .then_events([Fact::AlarmEnded]);
}

#[test]
fn a_second_hot_reading_raises_no_second_alarm() {
    Given::<Sensor>::new()
        .events([measured(0, 90_000), Fact::AlarmRaised { at: minute(0) }])
        .at(minute(1))
        .when(Ask::Report { millidegrees: 91_000 })
        .then_events([measured(1, 91_000)]);
}

#[test]
fn it_is_deterministic() {
    let history = Given::<Sensor>::new().events((0..200).map(|at| measured(at, 20_000))).at(minute(200));
    history.replays_to_the_same_state();
    history.survives_a_snapshot();
    history.handlers_agree_under_two_seeds([Ask::Report { millidegrees: 90_000 }, Ask::Window, Ask::Quiet]);
}
