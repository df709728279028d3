use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink},
    path::PathBuf,
    process, thread,
    time::SystemTime,
};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::{
    place::{Target, Walk},
    replace::LEFT,
    *,
};

#[test]
fn a_file_is_for_its_owner_alone_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    write(&path, b"one", MODE).expect("written");
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"one".to_vec(), 0o600));
    write(&path, b"three", 0o640).expect("written");
    assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"three".to_vec(), 0o640));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn what_is_the_same_is_left_but_for_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, b"same").expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
    let before = fs::metadata(&path).expect("there");
    write(&path, b"same", MODE).expect("written");
    let after = fs::metadata(&path).expect("there");
    assert_eq!((before.ino(), before.modified().expect("a time")), (after.ino(), after.modified().expect("a time")));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, b"old").expect("written");
    symlink(&target, &link).expect("a link");
    write(&link, b"new", MODE).expect("written");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(&target).expect("read"), b"new");
}

#[test]
fn a_link_to_nothing_yet_stays_too() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("real")).expect("a folder");
    let link = folder.path().join("link");
    symlink("real/out", &link).expect("a link");
    write(&link, b"new", MODE).expect("written");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(folder.path().join("real/out")).expect("read"), b"new");
    symlink("loop", folder.path().join("loop")).expect("a link");
    write(&folder.path().join("loop"), b"x", MODE).expect_err("it leads nowhere");
}

#[test]
fn what_somebody_holds_open_is_written_to_and_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    fs::write(&path, b"header\n").expect("written");
    let open = OpenOptions::new().append(true).open(&path).expect("there");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    let before = fs::metadata(&path).expect("there").ino();
    write(Path::new(&name), b"body\n", MODE).expect("written");
    (&open).write_all(b"footer\n").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"header\nbody\nfooter\n");
    assert_eq!(fs::metadata(&path).expect("there").ino(), before);
}

#[test]
fn what_a_killed_writer_left_is_removed_once_it_is_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, old, young) =
        (folder.path().join("out"), folder.path().join(".s1crets-out-abc"), folder.path().join(".s1crets-out-def"));
    for left in [&old, &young] {
        fs::write(left, b"hunter2").expect("written");
    }
    let past = SystemTime::now() - 2 * LEFT;
    File::options().write(true).open(&old).expect("there").set_modified(past).expect("a time");
    write(&path, b"x", MODE).expect("written");
    assert!(!old.exists() && young.exists());
}

#[test]
fn what_fails_leaves_the_old_file_and_nothing_else() {
    let error = write(Path::new("/nonexistent/out"), b"x", MODE).expect_err("no folder");
    assert!(matches!(error, Failure::Io { .. }));
}

#[test]
fn an_appended_text_begins_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("env");
    append(&path, b"A=1\n").expect("written");
    assert_eq!(mode(&path), 0o600);
    fs::write(&path, b"A=1").expect("written");
    append(&path, b"B=2\n").expect("written");
    append(&path, b"C=3\n").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"A=1\nB=2\nC=3\n");
}

/// A file that is written beside an old one for so long that it looks left, since its writer is stopped, say.
#[test]
fn a_file_that_another_process_is_still_writing_is_not_taken_for_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let writing = folder.path().join(".s1crets-out-abc");
    let file = File::create(&writing).expect("created");
    file.lock().expect("locked");
    file.set_modified(SystemTime::now() - 2 * LEFT).expect("a time");
    write(&folder.path().join("out"), b"x", MODE).expect("written");
    assert!(writing.exists());
    drop(file);
    write(&folder.path().join("out"), b"y", MODE).expect("written");
    assert!(!writing.exists());
}

/// A user who is neither root nor we.
const STRANGER: u32 = 65534;

/// A folder, and the user that we are in it. Only root can give files to a stranger; any other user is a stranger to its own
/// files here, so that the rules are tried out either way.
struct Shared {
    folder: TempDir,
    we: u32,
}

impl Shared {
    fn new(mode: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("changed");
        let we = geteuid().as_raw();
        Self { folder, we: if we == 0 { 0 } else { we + 1 } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives it to a stranger.
    fn give(&self, name: &str) {
        if geteuid().is_root() {
            lchown(self.path(name), Some(STRANGER), None).expect("given");
        }
    }

    fn target(&self, name: &str) -> io::Result<Target> {
        let folder = File::open(self.folder.path()).expect("a folder");
        Walk::new(folder.into(), self.we).run(Path::new(name))
    }

    fn refusal(&self, name: &str) -> Option<String> {
        self.target(name).err().map(|error| error.to_string())
    }
}

fn fifo(path: &Path) {
    let made = process::Command::new("mkfifo").args(["-m", "666"]).arg(path).status().expect("started");
    assert!(made.success());
}

#[test]
fn a_strangers_link_or_fifo_is_refused_in_any_folder_and_on_the_way() {
    for mode in [0o755, 0o775, 0o777, 0o1777] {
        let shared = Shared::new(mode);
        fs::create_dir(shared.path("inner")).expect("a folder");
        symlink("inner", shared.path("way")).expect("a link");
        symlink("inner/out", shared.path("link")).expect("a link");
        fifo(&shared.path("fifo"));
        for (name, path, kind) in [("link", "link", "link"), ("way", "way/out", "link"), ("fifo", "fifo", "FIFO")] {
            shared.give(name);
            let told = shared.refusal(path).expect("refused");
            assert!(told.starts_with(&format!("the {kind} {name} belongs to user ")), "{mode:o}: {told}");
        }
    }
}

#[test]
fn any_link_or_fifo_is_refused_in_a_folder_that_others_can_write_to() {
    for mode in [0o777, 0o1777] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("changed");
        fs::write(path("target"), "old").expect("written");
        symlink("target", path("link")).expect("a link");
        fifo(&path("fifo"));
        for name in ["link", "fifo"] {
            for tried in [write(&path(name), b"hunter2", MODE), append(&path(name), b"hunter2")] {
                let Err(Failure::Io { error, .. }) = tried else { panic!("{name} is used") };
                assert!(error.to_string().ends_with("is in a folder that others can write to"), "{error}");
            }
        }
        assert_eq!(fs::read(path("target")).expect("read"), b"old");
        // A plain file and a folder of our own are as good there as anywhere.
        write(&path("plain"), b"x", MODE).expect("written");
        fs::create_dir(path("inner")).expect("a folder");
        write(&path("inner/plain"), b"x", MODE).expect("written");
    }
}

#[test]
fn a_strangers_folder_is_refused_where_anybody_could_have_made_it() {
    for (mode, is_refused) in [(0o1777, true), (0o777, true), (0o755, false)] {
        let shared = Shared::new(mode);
        fs::create_dir(shared.path("inner")).expect("a folder");
        shared.give("inner");
        let told = shared.refusal("inner/out");
        assert_eq!(told.is_some(), is_refused, "{mode:o}: {told:?}");
    }
}

/// Whoever owns it could change it later, and has it open perhaps.
#[test]
fn a_strangers_plain_file_in_a_shared_folder_is_replaced_even_if_it_holds_the_same() {
    let shared = Shared::new(0o777);
    let path = shared.path("out");
    fs::write(&path, "same").expect("written");
    shared.give("out");
    let Target::Name(place) = shared.target("out").expect("a name") else { panic!("a plain file") };
    let before = fs::metadata(&path).expect("there").ino();
    replace::write(&place, b"same", MODE).expect("written");
    let after = fs::metadata(&path).expect("there");
    assert_ne!(before, after.ino());
    assert_eq!((after.uid(), after.mode() & 0o777), (geteuid().as_raw(), 0o600));
}

#[test]
fn what_is_put_in_the_place_of_a_checked_fifo_is_not_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fifo");
    fifo(&path);
    let Target::Name(place) = Target::of(&path).expect("a name") else { panic!("a FIFO") };
    fs::rename(&path, folder.path().join("moved")).expect("moved");
    fs::write(&path, "another's").expect("written");
    replace::write(&place, b"hunter2", MODE).expect_err("it was replaced");
    assert_eq!(fs::read(&path).expect("read"), b"another's");
    replace::append(&place).expect_err("it was replaced");
}

/// Between the check and the write, the folder that was checked is moved, and a link to another one takes its place.
#[test]
fn a_folder_that_is_swapped_for_a_link_does_not_lead_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["way", "elsewhere"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    let Target::Name(place) = Target::of(&path("way/out")).expect("a name") else { panic!("nothing there yet") };
    fs::rename(path("way"), path("moved")).expect("moved");
    symlink("elsewhere", path("way")).expect("a link");
    replace::write(&place, b"hunter2", MODE).expect("written");
    assert!(path("moved/out").exists() && !path("elsewhere/out").exists());
}

#[test]
fn own_links_and_fifos_in_own_folders_are_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // As made under a umask of 002.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).expect("changed");
    fs::create_dir(path("inner")).expect("a folder");
    symlink("inner/", path("way")).expect("a link");
    symlink("./way/../inner/out", path("link")).expect("a link");
    write(&path("link"), b"new", MODE).expect("written");
    assert_eq!(fs::read(path("inner/out")).expect("read"), b"new");
    fifo(&path("fifo"));
    let reader = thread::spawn({
        let fifo = path("fifo");
        move || fs::read(fifo).expect("read")
    });
    write(&path("fifo"), b"piped", MODE).expect("written");
    assert_eq!(reader.join().expect("no panic"), b"piped");
    for folder in ["inner", "inner/", "inner/.", "way", "way/", "inner/..", "."] {
        write(&path(folder), b"x", MODE).expect_err("a folder");
    }
    for missing in ["", "none/out", "inner/none/"] {
        write(&path("inner").join(missing), b"x", MODE).expect_err("no such place");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}
