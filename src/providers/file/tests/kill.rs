//! Writers that are killed in the middle of it.

use super::{update::updating_process, *};

#[test]
fn a_writer_killed_at_any_moment_leaves_a_whole_file() {
    const KILLS: u32 = 200;
    let place = Place::with(0);
    let started = Instant::now();
    let (mut left_behind, mut updates) = (0, 0);
    for kill in 0..KILLS {
        // The writer counts up from 0.
        place.replace(&entries(0));
        let mut child = updating_process(&place.path(), "app/1", u32::MAX);
        eventually("its first update", || updates_so_far(&place) > 0);
        thread::sleep(Duration::from_micros(u64::from(kill) * 37 % 5000));
        child.kill().expect("killed");
        child.wait().expect("ended");
        updates += updates_so_far(&place);
        left_behind += usize::from(!place.strangers().is_empty());
    }
    let mut last = updating_process(&place.path(), "app/2", 1);
    assert!(last.wait().expect("ended").success());
    assert!(place.strangers().is_empty(), "the next update clears up");
    eprintln!(
        "{KILLS} kills within {updates} updates in {:?}: every file whole, {left_behind} temporary files left for the next update",
        started.elapsed()
    );
}

/// Also a check that the file is whole, with all its entries.
fn updates_so_far(place: &Place) -> u32 {
    let document: serde_json::Value = serde_json::from_str(&place.text()).expect("a whole file");
    let entries = document["secrets"].as_object().expect("entries");
    assert_eq!(entries.len(), 5);
    assert!(entries.values().all(|entry| entry["filler"].as_str().is_some_and(|filler| filler.len() == 2000)));
    document["secrets"]["app/1"]["value"].as_str().and_then(|value| value.parse().ok()).expect("a number")
}
