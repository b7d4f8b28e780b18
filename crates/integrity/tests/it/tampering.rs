//! Every kind of tampering, done to a bucket that is good, and named.

use integrity::{
    digest::{Chain, ChainId, DigestFile, Signer as _, gzip},
    verify::{Anchor, Expectation, Kind, Report, Scope, Statement, Verdict, judge},
};

use crate::bucket::{
    Bucket, NAME, OTHER_SIGNER, Object, SIGNER, chain_id, digest_name, event, log_file,
    log_file_key, stamp,
};

/// Does `tamper` to a good bucket; the audit has to name exactly these kinds.
#[track_caller]
fn check(tamper: impl FnOnce(&mut Bucket), expected: &[Kind]) -> Report {
    let good = Bucket::day();
    let mut bucket = good.clone();
    tamper(&mut bucket);
    let report = bucket.audit_with(bucket.scope(), Vec::new(), Some(&good));
    assert_kinds(&report, expected);
    report
}

#[track_caller]
fn assert_kinds(report: &Report, expected: &[Kind]) {
    let mut kinds: Vec<_> = report.findings.iter().map(|it| it.kind).collect();
    kinds.dedup();
    assert_eq!(kinds, expected, "{report}");
    assert_eq!(report.is_valid(), expected.is_empty(), "{report}");
    for kind in expected {
        assert!(report.to_string().contains(kind.sentence()));
    }
}

/// Puts the events of the first log file through `change`.
fn rewrite(bucket: &mut Bucket, change: impl FnOnce(&mut Vec<String>)) {
    let mut events: Vec<_> = (1..=3).map(|serial| event(serial, "GetObject")).collect();
    let key = bucket.log_files[0].clone();
    assert_eq!(bucket.inflated(&key), log_file(&events));
    change(&mut events);
    bucket.put(&key, gzip(&log_file(&events)));
}

/// Puts a digest through `change` and stores it under its key with the metadata that it had.
fn rewrite_digest(bucket: &mut Bucket, index: usize, change: impl FnOnce(&mut DigestFile)) {
    let key = bucket.digests[index].clone();
    let mut digest = DigestFile::parse(&bucket.inflated(&key)).unwrap();
    change(&mut digest);
    bucket.objects.get_mut(&key).unwrap().body = gzip(&digest.to_bytes());
}

#[test]
fn a_good_bucket_is_valid() {
    let report = check(|_| {}, &[]);
    assert_eq!((report.digests.valid, report.digests.total), (6, 6));
    assert_eq!((report.log_files.valid, report.log_files.total), (8, 8));
    assert!(report.to_string().ends_with("VALID"));
    assert!(report.log_bytes > 1_000);
}

#[test]
fn a_changed_event_is_named() {
    let tamper = |bucket: &mut Bucket| rewrite(bucket, |it| it[1] = event(2, "PutObject"));
    let report = check(tamper, &[Kind::ChangedEvent]);
    assert!(report.findings[0].detail.contains("8000-000000000002 was changed"));
    assert_eq!(report.log_files.valid, 7);
    // Without a genuine copy the log file is named, though not the event.
    let mut bucket = Bucket::day();
    tamper(&mut bucket);
    assert_kinds(&bucket.audit(), &[Kind::ChangedEvent]);
}

#[test]
fn a_removed_event_is_named() {
    check(|bucket| rewrite(bucket, |it| drop(it.remove(1))), &[Kind::RemovedEvent]);
}

#[test]
fn reordered_events_are_named() {
    check(|bucket| rewrite(bucket, |it| it.swap(0, 2)), &[Kind::ReorderedEvents]);
}

#[test]
fn a_duplicated_event_is_named() {
    check(|bucket| rewrite(bucket, |it| it.push(it[0].clone())), &[Kind::DuplicatedEvent]);
}

#[test]
fn an_added_event_is_named() {
    let add = |bucket: &mut Bucket| rewrite(bucket, |it| it.push(event(999, "DeleteObject")));
    check(add, &[Kind::AddedEvent]);
}

#[test]
fn an_extra_log_file_is_named() {
    let add = |bucket: &mut Bucket| {
        let key = log_file_key(&bucket.chain.root, stamp("2026-03-01T01:30:00Z"), 4_711);
        bucket.put(&key, gzip(&log_file(&[event(4_711, "GetObject")])));
    };
    check(add, &[Kind::ExtraLogFile]);
}

#[test]
fn a_log_file_that_no_digest_can_name_yet_is_only_noted() {
    let add = |bucket: &mut Bucket| {
        let key = log_file_key(&bucket.chain.root, stamp("2026-03-01T05:20:00Z"), 4_711);
        bucket.put(&key, gzip(&log_file(&[event(4_711, "GetObject")])));
    };
    let report = check(add, &[]);
    assert!(report.notes.iter().any(|it| it.contains("too new")), "{report}");
}

#[test]
fn a_missing_log_file_is_named() {
    let remove = |bucket: &mut Bucket| {
        let key = bucket.log_files[2].clone();
        bucket.objects.remove(&key);
    };
    check(remove, &[Kind::MissingLogFile]);
}

#[test]
fn a_moved_log_file_is_found_again() {
    let rename = |bucket: &mut Bucket| {
        let object = bucket.objects.remove(&bucket.log_files[2]).unwrap();
        let key = log_file_key(&bucket.chain.root, stamp("2026-03-01T02:30:00Z"), 4_711);
        bucket.objects.insert(key, object);
    };
    let report = check(rename, &[Kind::MovedLogFile]);
    assert!(report.findings[0].detail.contains("4711"), "{report}");
}

#[test]
fn a_digest_missing_in_the_middle_is_named_together_with_what_it_vouched_for() {
    let remove = |bucket: &mut Bucket| drop(bucket.objects.remove(&bucket.digests[2]));
    let report = check(remove, &[Kind::ExtraLogFile, Kind::MissingDigest]);
    assert_eq!((report.digests.valid, report.digests.total), (5, 6));
}

#[test]
fn a_missing_digest_of_an_empty_hour_is_named() {
    let remove = |bucket: &mut Bucket| drop(bucket.objects.remove(&bucket.digests[3]));
    check(remove, &[Kind::MissingDigest]);
}

#[test]
fn a_chain_that_starts_again_is_named_unless_it_may() {
    let mut bucket = Bucket::day();
    let previous = bucket.chain.previous.take().unwrap();
    bucket.chain.started = previous.end.plus_seconds(7_200);
    bucket.hour(0, &SIGNER);
    let scope = Scope { now: stamp("2026-03-01T07:30:00Z"), ..bucket.scope() };
    let report = bucket.audit_with(scope.clone(), Vec::new(), None);
    assert_kinds(&report, &[Kind::RestartedChain]);
    let scope = Scope { restarts_allowed: true, ..scope };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[]);
}

/// Cuts the two newest digests and the files that they name.
fn cut(bucket: &mut Bucket) {
    for key in bucket.digests.split_off(4).into_iter().chain(bucket.log_files.split_off(4)) {
        bucket.objects.remove(&key);
    }
}

#[test]
fn a_cut_tail_is_seen_by_whoever_kept_the_report_before() {
    let before = Bucket::day().audit();
    let mut bucket = Bucket::day();
    cut(&mut bucket);
    assert_kinds(&bucket.audit(), &[]);
    let report = bucket.audit_with(bucket.scope(), before.anchors(), None);
    assert_kinds(&report, &[Kind::CutTail]);
}

#[test]
fn a_cut_tail_is_seen_when_the_end_is_asked_for() {
    let mut bucket = Bucket::day();
    cut(&mut bucket);
    let scope = Scope { end: Some(stamp("2026-03-01T05:00:00Z")), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[]);
    let scope = Scope { end: Some(stamp("2026-03-01T05:25:00Z")), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[Kind::CutTail]);
}

/// A bucket of a trail with a second region, whose chain is `hours` shorter.
fn two_regions(hours: usize) -> Bucket {
    let mut bucket = Bucket::day();
    let id = ChainId { region: "eu-west-1".to_owned(), ..chain_id() };
    let (root, started) = (bucket.chain.root.clone(), stamp("2026-03-01T00:01:31Z"));
    bucket.chain = Chain::start(id, NAME.to_owned(), root, started);
    for _ in hours..6 {
        bucket.hour(0, &SIGNER);
    }
    bucket
}

#[test]
fn a_tail_that_is_cut_off_in_one_region_is_seen_by_what_the_others_have() {
    for hours in 0..=2 {
        assert_kinds(&two_regions(hours).audit(), &[]);
    }
    let bucket = two_regions(3);
    let report = bucket.audit();
    assert_kinds(&report, &[Kind::CutTail]);
    assert!(report.findings[0].detail.contains("the same trail in us-east-1"), "{report}");
    // Whoever lets chains begin again lets them end.
    let scope = Scope { restarts_allowed: true, ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[]);
}

#[test]
fn a_copy_of_the_bucket_that_a_trail_moved_to_lacks_nothing() {
    let mut bucket = Bucket::day();
    let old = bucket.objects.clone();
    bucket.chain.bucket = "other-logs".to_owned();
    bucket.hour(0, &SIGNER);
    bucket.hour(0, &SIGNER);
    bucket.objects.retain(|key, _| !old.contains_key(key));
    let scope = |bucket: &Bucket| Scope { now: stamp("2026-03-01T07:30:00Z"), ..bucket.scope() };
    let folder = bucket.copied_to_a_folder();
    let report = folder.audit_with(scope(&folder), Vec::new(), None);
    assert_kinds(&report, &[]);
    let words = "the chain goes back into the bucket audit-logs, which is not here";
    assert!(report.notes.iter().any(|it| it.contains(words)), "{report}");
}

#[test]
fn a_chain_of_which_nothing_is_left_is_seen_by_whoever_knew_it() {
    let mut bucket = Bucket::day();
    let before = bucket.audit().anchors();
    bucket.objects.clear();
    assert_eq!(bucket.audit().verdict, Verdict::NothingFound);
    assert_kinds(&bucket.audit_with(bucket.scope(), before, None), &[Kind::CutTail]);
}

#[test]
fn digests_cut_off_while_their_log_files_stay_leave_the_log_files_unnamed() {
    let mut bucket = Bucket::day();
    for key in bucket.digests.split_off(2) {
        bucket.objects.remove(&key);
    }
    let scope = Scope { now: stamp("2026-03-02T00:00:00Z"), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[Kind::ExtraLogFile]);
}

#[test]
fn a_digest_of_an_unknown_key_is_named() {
    let forge = |bucket: &mut Bucket| {
        bucket.hour(1, &OTHER_SIGNER);
    };
    let report = check(forge, &[Kind::UnknownKey]);
    let unknown = OTHER_SIGNER.public_key().fingerprint().as_str();
    assert!(report.findings[0].detail.contains(unknown));
}

#[test]
fn bytes_after_the_gzip_stream_are_named() {
    let append = |bucket: &mut Bucket| {
        let key = bucket.log_files[0].clone();
        bucket.objects.get_mut(&key).unwrap().body.extend_from_slice(b"more");
    };
    check(append, &[Kind::TrailingBytes]);
    let second_member = |bucket: &mut Bucket| {
        let key = bucket.log_files[0].clone();
        bucket.objects.get_mut(&key).unwrap().body.extend_from_slice(&gzip(b"{}"));
    };
    check(second_member, &[Kind::TrailingBytes]);
}

fn statement(seen: &str, size: u64, root: u8) -> Statement {
    Statement {
        seen: seen.to_owned(),
        origin: "audit.example/t1".to_owned(),
        size,
        root: [root; 32],
        note: format!("audit.example/t1\n{size}\n{root}\n"),
        signed: true,
        cosigned: vec![("witness.example/w1".to_owned(), stamp("2026-03-01T05:00:00Z"))],
    }
}

#[track_caller]
fn check_statements(statements: &[Statement], expected: &[Kind]) {
    let expectation = Expectation {
        origin: Some("audit.example/t1".to_owned()),
        size_min: 8,
        cosignatures: 1,
        cosigned_since: Some(stamp("2026-03-01T04:00:00Z")),
    };
    let kinds: Vec<_> = judge(statements, &expectation).into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, expected);
}

#[test]
fn good_checkpoints_are_good() {
    check_statements(&[statement("digest 1", 5, 5), statement("digest 2", 8, 8)], &[]);
}

#[test]
fn a_checkpoint_older_than_one_that_was_known_is_named() {
    check_statements(&[statement("digest 2", 7, 7)], &[Kind::OldCheckpoint]);
}

#[test]
fn an_unsigned_checkpoint_is_named() {
    let unsigned = Statement { signed: false, ..statement("digest 2", 8, 8) };
    check_statements(&[unsigned], &[Kind::UnsignedCheckpoint]);
}

#[test]
fn a_checkpoint_of_another_log_is_named() {
    let foreign = Statement { origin: "other/t1".to_owned(), ..statement("digest 2", 8, 8) };
    check_statements(&[foreign], &[Kind::WrongOrigin]);
}

#[test]
fn two_roots_of_one_size_are_evidence_against_the_log() {
    let statements = [statement("digest 2", 8, 8), statement("the witness", 8, 9)];
    check_statements(&statements, &[Kind::Equivocation]);
    let evidence = &judge(&statements, &Expectation::default())[0].detail;
    assert!(evidence.contains(&statements[0].note) && evidence.contains(&statements[1].note));
}

#[test]
fn a_cosignature_that_is_missing_or_stale_is_named() {
    let alone = Statement { cosigned: Vec::new(), ..statement("digest 2", 8, 8) };
    check_statements(&[alone], &[Kind::MissingCosignature]);
    let stale = vec![("witness.example/w1".to_owned(), stamp("2026-03-01T03:59:59Z"))];
    let stale = Statement { cosigned: stale, ..statement("digest 2", 8, 8) };
    check_statements(&[stale], &[Kind::MissingCosignature]);
}

#[test]
fn a_changed_digest_has_a_false_signature_and_vouches_for_nothing() {
    let change = |bucket: &mut Bucket| rewrite_digest(bucket, 1, |it| it.log_files.truncate(1));
    let report =
        check(change, &[Kind::ExtraLogFile, Kind::FalseSignature, Kind::PreviousDigestChanged]);
    assert_eq!(report.log_files.total, 6);
}

#[test]
fn a_digest_in_the_place_of_another_is_named() {
    let swap = |bucket: &mut Bucket| {
        let other = bucket.objects[&bucket.digests[0]].clone();
        let key = bucket.digests[3].clone();
        bucket.objects.insert(key, other);
    };
    check(swap, &[Kind::MovedDigest, Kind::PreviousDigestChanged]);
}

#[test]
fn a_digest_for_another_bucket_is_named() {
    let mut bucket = Bucket::day();
    bucket.place = integrity::verify::Place::Bucket("elsewhere".to_owned());
    let report = bucket.audit();
    assert!(report.findings.iter().any(|it| it.kind == Kind::MovedDigest), "{report}");
    assert_eq!(report.digests.valid, 0);
    assert_ne!(NAME, "elsewhere");
}

#[test]
fn a_digest_without_signature_is_named() {
    let strip = |bucket: &mut Bucket| {
        let key = bucket.digests[0].clone();
        bucket.objects.get_mut(&key).unwrap().metadata.clear();
    };
    check(strip, &[Kind::UnsignedDigest]);
}

#[test]
fn a_signature_that_is_no_hex_is_false() {
    let scramble = |bucket: &mut Bucket| {
        let key = bucket.digests[5].clone();
        let metadata = &mut bucket.objects.get_mut(&key).unwrap().metadata;
        metadata.insert("signature".to_owned(), "not hex at all".to_owned());
    };
    check(scramble, &[Kind::FalseSignature]);
}

#[test]
fn a_key_that_was_not_valid_then_is_named() {
    let mut bucket = Bucket::new();
    bucket.chain.started = stamp("2026-06-01T00:00:00Z");
    bucket.hour(0, &SIGNER);
    let scope = Scope { now: stamp("2026-06-01T00:30:00Z"), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[Kind::KeyNotValidThen]);
}

#[test]
fn a_digest_that_is_no_gzip_or_no_digest_is_named() {
    let damage = |bucket: &mut Bucket| {
        let key = bucket.digests[3].clone();
        bucket.objects.get_mut(&key).unwrap().body.truncate(40);
    };
    check(damage, &[Kind::DamagedObject]);
    let replace = |bucket: &mut Bucket| {
        let key = bucket.digests[3].clone();
        bucket.objects.get_mut(&key).unwrap().body = gzip(b"{\"Records\":[]}");
    };
    check(replace, &[Kind::MalformedDigest]);
}

#[test]
fn two_digests_after_one_are_a_parallel_history() {
    let fork = |bucket: &mut Bucket| {
        let now = bucket.chain.clone();
        // From the third digest on, history is told again with another phase.
        let third = bucket.digests[3].clone();
        let next = DigestFile::parse(&bucket.inflated(&third)).unwrap();
        let previous = bucket.chain.previous.as_mut().unwrap();
        previous.end = next.digest_start_time;
        previous.key = next.previous_digest_s3_object.unwrap();
        previous.sha256 = next.previous_digest_hash_value.unwrap();
        previous.signature = next.previous_digest_signature.unwrap();
        bucket.chain.started = bucket.chain.started.plus_seconds(600);
        bucket.hour(0, &SIGNER);
        bucket.chain = now;
    };
    check(fork, &[Kind::ParallelHistory]);
}

#[test]
fn a_history_signed_again_differs_from_what_was_known() {
    let before = Bucket::day().audit();
    let mut bucket = Bucket::new();
    for _ in 0..6 {
        bucket.hour(1, &SIGNER);
    }
    assert_kinds(&bucket.audit(), &[]);
    let report = bucket.audit_with(bucket.scope(), before.anchors(), None);
    assert_kinds(&report, &[Kind::ParallelHistory]);
}

#[test]
fn a_gap_between_signed_windows_is_named() {
    let mut bucket = Bucket::day();
    let previous = bucket.chain.previous.as_mut().unwrap();
    let end = previous.end;
    previous.end = end.plus_seconds(3_600);
    bucket.hour(0, &SIGNER);
    let scope = Scope { now: stamp("2026-03-01T07:30:00Z"), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, Vec::new(), None), &[Kind::WindowGap]);
}

#[test]
fn windows_that_overlap_are_named() {
    let mut bucket = Bucket::day();
    let mut window = bucket.chain.next();
    window.start = window.start.plus_seconds(-60);
    bucket.digest(window, Vec::new(), &SIGNER);
    assert_kinds(&bucket.audit(), &[Kind::WindowOverlap]);
}

#[test]
fn two_digests_that_contradict_each_other_are_named() {
    let mut bucket = Bucket::day();
    let window = bucket.chain.next();
    let first = DigestFile::parse(&bucket.inflated(&bucket.digests[1])).unwrap();
    let mut file = first.log_files[0].clone();
    file.hash_value = "0".repeat(64);
    bucket.digest(window, vec![file], &SIGNER);
    assert_kinds(&bucket.audit(), &[Kind::ContradictingDigests]);
}

#[test]
fn backfill_digests_are_a_chain_of_their_own_and_vouch_for_log_files() {
    let mut bucket = Bucket::day();
    let mut backfill = bucket.chain.clone();
    backfill.previous = None;
    backfill.backfill = true;
    let regular = std::mem::replace(&mut bucket.chain, backfill);
    let window = bucket.chain.next();
    let late = bucket.log_file(window);
    bucket.digest(window, vec![late], &SIGNER);
    bucket.chain = regular;
    let report = bucket.audit();
    assert_kinds(&report, &[]);
    assert_eq!(report.backfill_digests.total, 1);
    assert_eq!(report.log_files.total, 9);
    assert!(digest_name(bucket.digests.last().unwrap()).backfill);
}

#[test]
fn a_copy_without_metadata_is_proven_by_the_chain_but_for_its_newest_digest() {
    let folder = Bucket::day().copied_to_a_folder();
    let report = folder.audit();
    assert_kinds(&report, &[]);
    assert_eq!((report.digests.valid, report.digests.total), (5, 5));
    assert_eq!(report.log_files.total, 6);
    assert!(report.notes.iter().any(|it| it.contains("is not proven")), "{report}");
}

#[test]
fn a_changed_digest_in_a_copy_without_metadata_is_named() {
    let mut folder = Bucket::day().copied_to_a_folder();
    rewrite_digest(&mut folder, 1, |it| it.log_files.truncate(1));
    let kinds = [Kind::ExtraLogFile, Kind::FalseSignature, Kind::PreviousDigestChanged];
    assert_kinds(&folder.audit(), &kinds);
}

#[test]
fn markers_and_foreign_objects_count_for_nothing() {
    let add = |bucket: &mut Bucket| {
        bucket
            .objects
            .insert("trails/AWSLogs/123456789012/CloudTrail/".to_owned(), Object::default());
        bucket.put("trails/AWSLogs/123456789012/Config/us-east-1/x.json.gz", b"x".to_vec());
        bucket.put("readme.txt", b"x".to_vec());
    };
    check(add, &[]);
}

#[test]
fn a_start_time_leaves_out_what_is_older_and_demands_nothing_of_it() {
    let mut bucket = Bucket::day();
    let oldest = bucket.digests[0].clone();
    bucket.objects.remove(&oldest);
    let scope = Scope { start: Some(stamp("2026-03-01T02:00:00Z")), ..bucket.scope() };
    let report = bucket.audit_with(scope, Vec::new(), None);
    assert_kinds(&report, &[]);
    assert_eq!(report.digests.total, 4);
}

#[test]
fn an_anchor_outside_of_the_scope_is_not_missed() {
    let mut bucket = Bucket::day();
    let anchor = Anchor {
        source: "a witness".to_owned(),
        chain: chain_id(),
        end: stamp("2026-03-01T05:01:31Z"),
        sha256: None,
    };
    cut(&mut bucket);
    let scope = Scope { end: Some(stamp("2026-03-01T03:00:00Z")), ..bucket.scope() };
    assert_kinds(&bucket.audit_with(scope, vec![anchor.clone()], None), &[]);
    assert_kinds(&bucket.audit_with(bucket.scope(), vec![anchor], None), &[Kind::CutTail]);
}

#[test]
fn a_report_survives_its_own_json() {
    let mut bucket = Bucket::day();
    cut(&mut bucket);
    let report = bucket.audit();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn every_kind_has_a_code_and_a_sentence_of_its_own() {
    let codes: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|it| it.code()).collect();
    let sentences: std::collections::BTreeSet<_> =
        Kind::ALL.iter().map(|it| it.sentence()).collect();
    assert_eq!((codes.len(), sentences.len()), (Kind::ALL.len(), Kind::ALL.len()));
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
    }
}
