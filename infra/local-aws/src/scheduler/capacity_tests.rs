//! Table tests of the bounds and of single steps; whole rollouts are in `tests/scheduler`.

use super::*;

fn configuration(minimum: u32, maximum: u32) -> DeploymentConfiguration {
    let json = format!(r#"{{"minimumHealthyPercent":{minimum},"maximumPercent":{maximum}}}"#);
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_lower_bound_is_rounded_up_and_the_upper_one_down() {
    let table = [
        (1, 100, 200, (1, 2)),
        (1, 50, 100, (1, 1)),
        (1, 0, 100, (0, 1)),
        (3, 50, 150, (2, 4)),
        (3, 34, 134, (2, 4)),
        (7, 99, 114, (7, 7)),
        (10, 100, 125, (10, 12)),
        (0, 100, 200, (0, 0)),
        // The API refuses a maximum below 100; no service could reach its desired count.
        (4, 0, 50, (0, 4)),
        (u32::MAX, 100, 200, (u32::MAX, u32::MAX)),
    ];
    for (desired, minimum, maximum, expected) in table {
        let bounds = Bounds::new(desired, &configuration(minimum, maximum));
        assert_eq!((bounds.minimum, bounds.maximum), expected, "{desired} {minimum}/{maximum}");
    }
}

/// One letter per task. `P` healthy, `p` not healthy yet, `x` ending but still there, all of the `PRIMARY` deployment;
/// `O` healthy, `o` was healthy, `f` never was healthy, `X` ending, all of an older one. Ids count from `0`; who is
/// further right is younger.
fn slots(letters: &str) -> Vec<Slot> {
    let slot = |(place, letter): (usize, char)| Slot {
        id: format!("{place:03}"),
        primary: "Ppx".contains(letter),
        occupies: true,
        ending: "xX".contains(letter),
        healthy: "PO".contains(letter),
        proven: "POo".contains(letter),
        created_at: Timestamp::from_millis(place as u64),
    };
    letters.chars().enumerate().map(slot).collect()
}

#[test]
fn one_step_at_a_time() {
    // desired, minimum %, maximum %, tasks, how many to start, which to stop.
    type Row = (u32, u32, u32, &'static str, u32, &'static [usize]);
    let table: &[Row] = &[
        // Scaling out, at the default and without room to spare.
        (2, 100, 200, "", 2, &[]),
        (2, 100, 100, "", 2, &[]),
        (3, 100, 200, "P", 2, &[]),
        // All is well.
        (2, 100, 200, "PP", 0, &[]),
        (0, 100, 200, "", 0, &[]),
        // Scaling in: what is not healthy goes first, then the youngest.
        (1, 100, 200, "PPP", 0, &[1, 2]),
        (2, 100, 200, "PpP", 0, &[1]),
        (1, 100, 200, "pPp", 0, &[0, 2]),
        (0, 100, 200, "Pp", 0, &[0, 1]),
        // A replacement at 100/200: the new one first.
        (1, 100, 200, "O", 1, &[]),
        (1, 100, 200, "Op", 0, &[]),
        (1, 100, 200, "OP", 0, &[0]),
        (2, 100, 200, "OOpp", 0, &[]),
        (2, 100, 200, "OOPp", 0, &[0]),
        (2, 100, 200, "OPp", 0, &[]),
        (2, 100, 200, "OPP", 0, &[0]),
        // Between: as much as there is room for, again and again.
        (4, 100, 150, "OOOO", 2, &[]),
        (4, 100, 150, "OOOOPp", 0, &[0]),
        (4, 100, 125, "OOOO", 1, &[]),
        (4, 100, 125, "OOOOP", 0, &[0]),
        (4, 100, 125, "OOOP", 1, &[]),
        // 50/100: room is made first, down to the minimum and not further.
        (4, 50, 100, "OOOO", 0, &[0, 1]),
        (4, 50, 100, "XXOO", 0, &[]),
        (4, 50, 100, "OO", 2, &[]),
        (4, 50, 100, "OOpp", 0, &[]),
        (4, 50, 100, "OOPp", 0, &[]),
        (4, 50, 100, "OOPP", 0, &[0, 1]),
        (2, 50, 100, "OO", 0, &[0]),
        (2, 50, 100, "OP", 0, &[0]),
        (1, 0, 100, "O", 0, &[0]),
        (1, 0, 100, "X", 0, &[]),
        (1, 0, 100, "", 1, &[]),
        // 50/200: the room suffices, no task is stopped early.
        (4, 50, 200, "OOOO", 4, &[]),
        (4, 0, 200, "OOOOpppp", 0, &[]),
        // 50/150: the same, as long as it goes on.
        (4, 50, 150, "OOOO", 2, &[]),
        (4, 50, 150, "OOOOPp", 0, &[0]),
        // Those that are not healthy make way before those that are, and cost nothing of the minimum.
        (2, 100, 100, "Oo", 0, &[1]),
        (4, 50, 100, "oOOO", 0, &[0, 1]),
        (4, 50, 100, "oOOp", 0, &[0]),
        // What never was healthy makes way at once: a rollout that was superseded.
        (2, 100, 200, "OOff", 0, &[2, 3]),
        (2, 100, 200, "OOffp", 0, &[2, 3]),
        // A task of ours is missing while old ones are left.
        (2, 100, 200, "OOP", 1, &[0]),
        // Scaling in amid a rollout.
        (1, 100, 200, "OOpp", 0, &[0, 3]),
        (0, 100, 200, "OOPp", 0, &[0, 1, 2, 3]),
    ];
    for (desired, minimum, maximum, letters, start, stop) in table {
        let bounds = Bounds::new(*desired, &configuration(*minimum, *maximum));
        let stop = stop.iter().map(|place| format!("{place:03}")).collect();
        let expected = Plan { start: *start, stop, stuck: false };
        let mut found = plan(bounds, true, &slots(letters));
        found.stop.sort();
        assert_eq!(found, expected, "{desired} {minimum}/{maximum} {letters}");
    }
}

#[test]
fn a_deployment_that_may_not_start_tasks_takes_none_away_either() {
    for (minimum, maximum) in [(0, 100), (50, 100), (100, 200)] {
        let bounds = Bounds::new(2, &configuration(minimum, maximum));
        for letters in ["OO", "OOp", "oO", "OP"] {
            assert_eq!(plan(bounds, false, &slots(letters)), Plan::default(), "{minimum}/{maximum} {letters}");
        }
        assert_eq!(plan(bounds, false, &slots("OOP")).stop, ["000"], "one has been taken over");
    }
}

#[test]
fn bounds_without_room_are_told_apart_from_waiting() {
    let stuck =
        |minimum, maximum, letters| plan(Bounds::new(1, &configuration(minimum, maximum)), true, &slots(letters)).stuck;
    assert!(stuck(100, 100, "O"));
    // As on AWS: half of one is one.
    assert!(stuck(50, 100, "O"));
    assert!(!stuck(50, 100, "X"));
    assert!(!stuck(0, 100, "O"));
    assert!(!stuck(100, 200, "O"));
    assert!(!stuck(100, 100, "P"));
}
