//! A torn tail is cut with a warning that says where and how much; nothing else is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::history::turn;
use super::index::{actor, open};
use crate::provider::EventStore;
use crate::provider::log::disk::SimDisk;
use crate::provider::log::segment;

/// What is logged, in memory.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Opens a store; what is said of it.
fn said(disk: &SimDisk) -> String {
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    drop(open(disk));
    drop(guard);
    let bytes = said.0.lock().expect("whole").clone();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn an_unfinished_write_is_cut_with_a_warning_that_says_where_and_how_much() {
    let disk = SimDisk::new();
    let log = open(&disk);
    log.append(turn(&actor(0), 0, 2)).await.expect("stored");
    let end = |disk: &SimDisk| {
        let content = disk.content(&segment::name(1)).expect("there");
        content.iter().rposition(|byte| *byte != 0).expect("not empty") + 1
    };
    let sound = end(&disk).next_multiple_of(8);
    assert_eq!(said(&disk.after_kill()), "");
    disk.fail_writes(1);
    assert!(log.append(turn(&actor(0), 2, 3)).await.is_err());
    drop(log);
    let left = disk.after_kill();
    let torn = end(&left) - sound;
    assert!(torn > 0);
    let warning = said(&left);
    let one = warning.lines().filter(|line| line.contains("WARN")).collect::<Vec<_>>();
    let [line] = one[..] else { panic!("{warning}") };
    for part in ["cut an unfinished write", &segment::name(1), &format!("at={sound}"), &format!("bytes={torn}")] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // It is cut, so there is nothing more to say.
    assert_eq!(said(&left), "");
}
