//! Mistakes of operators that the server must notice by itself.

use crate::harness::Server;

#[test]
fn a_second_server_on_one_folder_refuses_to_start_and_the_first_goes_on() {
    let mut server = Server::start(&[]);
    let credentials = || std::fs::read_to_string(server.data_dir().join("credentials")).unwrap();
    let before = credentials();
    let second = server.trailmark_raw(&["serve", "--listen", "127.0.0.1:0"]);
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "{words}");
    assert!(words.contains("another `trailmark serve` uses the data folder"), "{words}");
    assert!(second.stdout.is_empty(), "it greeted as if it were ready");
    assert_eq!(credentials(), before);
    server.aws(&["sts", "get-caller-identity"]);
    // What a killed server held is free again.
    server.kill_and_restart();
    server.aws(&["sts", "get-caller-identity"]);
    assert_eq!(server.lookup("EventName", "GetCallerIdentity").len(), 2);
}
