//! A node that is slow, or was paused, is careful with the others.

use super::*;

fn suspicion_of(identity: MemberIdentity) -> foca::Member<MemberIdentity> {
    foca::Member::new(identity, 0, State::Suspect)
}

#[test]
fn a_suspect_is_told_first_thing_and_again_and_again() {
    let mut lan = Lan::of(4);
    lan.away.insert(3);
    while lan.nodes[0].statistics().suspicions == 0 {
        lan.run_for(Duration::from_millis(10));
    }
    lan.run_for(Duration::from_secs(1));
    let told: Vec<_> = lan.sent_to(0, 3).into_iter().map(describe).collect();
    let suspicion = "10.0.0.4:7300@1 suspect/0";
    let asked = told.iter().filter(|text| text.starts_with("ping") && text.contains(suspicion)).count();
    assert!(asked >= 5, "told and asked {asked} times in a second");
}

#[test]
fn a_suspect_answers_whom_it_hears_it_from() {
    let mut lan = Lan::of(3);
    let notice = datagram(&node(1), node(0).tag(), &Message::Ping(200), &[suspicion_of(node(0))]);
    lan.call(0, |member, now, out| member.on_datagram(now, &notice, out));
    let answers: Vec<_> = lan.sent_to(0, 1).into_iter().map(describe).collect();
    assert!(
        answers.iter().any(|text| text.starts_with("ack from 10.0.0.1:7300@1 refutation 1")),
        "{answers:?}"
    );
    assert_eq!(lan.nodes[0].statistics().refutations, 1);
    assert_eq!(lan.nodes[0].health(), 1, "it must have been slow");
    lan.run_for(Duration::from_secs(20));
    assert!((0..3).all(|index| lan.downs(index) == 0));
    assert_eq!(lan.nodes[0].health(), 0, "answered probes heal");
}

#[test]
fn who_cannot_reach_others_doubts_itself() {
    let mut lan = Lan::of(5);
    lan.away.extend([1, 2, 3, 4]);
    lan.run_for(Duration::from_secs(2));
    assert!(lan.nodes[0].health() >= 2);
    let probes =
        lan.sent.iter().filter(|(from, sent)| *from == 0 && describe(&sent.payload).starts_with("ping from"));
    let unsuspected = probes.filter(|(_, sent)| !describe(&sent.payload).contains("suspect")).count();
    assert!(unsuspected < 7, "{unsuspected} probes in two seconds are not slower than ten");
}

#[test]
fn after_a_pause_nobody_is_dead() {
    for first_timers in [true, false] {
        for pause_ms in [300, 1_000, 2_600, 5_000, 60_000] {
            let mut lan = Lan::of(6);
            // The pause begins while a probe is under way.
            lan.run_for(Duration::from_millis(1));
            lan.away.insert(5);
            lan.run_for(Duration::from_millis(pause_ms));
            lan.away.clear();
            lan.forget();
            if first_timers {
                lan.call(5, Membership::on_deadline);
            }
            for (to, payload) in std::mem::take(&mut lan.kept) {
                lan.call(to, |member, now, out| member.on_datagram(now, &payload, out));
            }
            lan.run_for(Duration::from_secs(12));
            assert_eq!(lan.nodes[5].statistics().stalls, 1);
            for index in 0..6 {
                assert_eq!(lan.downs(index), 0, "paused for {pause_ms} ms, seen by {index}");
                assert_eq!(lan.nodes[index].live_count(), 6);
            }
        }
    }
}

#[test]
fn a_suspect_has_time_to_answer_after_a_pause_of_who_suspects() {
    let mut lan = Lan::of(2);
    lan.away.insert(1);
    while lan.nodes[0].statistics().suspicions == 0 {
        lan.run_for(Duration::from_millis(10));
    }
    // All but the end of the suspicion has passed, when who suspects is paused, and the suspect comes back.
    let shortest = Config::default().suspicion_for(2);
    lan.run_for(shortest - Duration::from_millis(100));
    lan.away = BTreeSet::from([0]);
    lan.run_for(Duration::from_secs(3));
    lan.kept.clear();
    lan.away.clear();
    lan.forget();
    lan.run_for(Duration::from_secs(5));
    assert_eq!(lan.downs(0), 0);
}

#[test]
fn a_suspicion_ends_although_the_cluster_grew_meanwhile() {
    let mut lan = Lan::strangers(3);
    lan.call(1, |member, now, out| member.join(now, &[node(0).address], out));
    lan.away.insert(1);
    while lan.nodes[0].statistics().suspicions == 0 {
        lan.run_for(Duration::from_millis(10));
    }
    // A third could confirm now, so there is more time; but it goes at once.
    lan.call(2, |member, now, out| member.join(now, &[node(0).address], out));
    lan.away.insert(2);
    lan.run_for(Duration::from_secs(40));
    assert_eq!((lan.state(0, 1), lan.state(0, 2)), (Some(MemberState::Down), Some(MemberState::Down)));
}

#[test]
fn confirmations_shorten_a_suspicion() {
    let down_after = |confirmed: bool| {
        let mut lan = Lan::of(8);
        let away = 7;
        lan.away.extend(1..8);
        while lan.nodes[0].suspicions.is_empty() {
            lan.run_for(Duration::from_millis(10));
        }
        let suspicion = lan.nodes[0].suspicions.values().next().cloned().expect("one is suspected");
        if confirmed {
            let mut payload = datagram(&node(away), node(0).tag(), &Message::Broadcast, &[]);
            for by in 1..4 {
                let item = Confirmation { suspect: suspicion.suspect(), by }.encode();
                payload.put_u16(u16::try_from(item.len()).unwrap());
                payload.extend_from_slice(&item);
            }
            lan.call(0, |member, now, out| member.on_datagram(now, &payload, out));
        }
        let since = lan.now;
        while lan.downs(0) == 0 {
            lan.run_for(Duration::from_millis(10));
        }
        lan.now.since(since)
    };
    let (alone, confirmed) = (down_after(false), down_after(true));
    assert!(confirmed * 3 < alone, "{confirmed:?} with confirmations, {alone:?} without");
}
