//! The tree that the rules check: texts by path, read from the disk or given in a test.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use crate::source::Source;

/// The files and folders of the package that are read.
const FILES: [&str; 2] = ["ARCHITECTURE.md", "Cargo.toml"];
const FOLDERS: [&str; 5] = ["asm", "benches", "examples", "src", "tests"];
const EXTENSIONS: [&str; 5] = ["md", "rs", "s", "toml", "txt"];

/// Texts by their path from the root of the package, with `/` between its parts.
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// The tree on the disk.
    pub fn read() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = BTreeMap::new();
        for file in FILES {
            read_file(root, file, &mut texts);
        }
        for folder in FOLDERS {
            read_folder(root, folder, &mut texts);
        }
        Tree(texts)
    }

    /// A tree of the given texts.
    pub fn of(texts: &[(&str, &str)]) -> Tree {
        let own = |&(path, text): &(&str, &str)| (path.to_string(), text.to_string());
        Tree(texts.iter().map(own).collect())
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The files below one of the folders whose names have this ending, in the order of their
    /// paths.
    pub fn files<'tree>(
        &'tree self,
        folders: &'tree [&str],
        ending: &'tree str,
    ) -> impl Iterator<Item = (&'tree str, &'tree str)> {
        self.0
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(move |(path, _)| {
                path.ends_with(ending) && folders.iter().any(|folder| path.starts_with(folder))
            })
    }

    /// The Rust files below one of the folders, split into tokens.
    pub fn sources<'tree>(
        &'tree self,
        folders: &'tree [&str],
    ) -> impl Iterator<Item = Source<'tree>> {
        self.files(folders, ".rs")
            .map(|(path, text)| Source::new(path, text))
    }
}

fn read_folder(root: &Path, folder: &str, texts: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{folder} can't be listed: {error}"));
        let name = entry
            .file_name()
            .into_string()
            .expect("names in the tree are UTF-8");
        let path = format!("{folder}/{name}");
        // `target` is cargo's output beside the crate in tests/abort.
        if entry.path().is_dir() {
            if name != "target" {
                read_folder(root, &path, texts);
            }
        } else if EXTENSIONS
            .iter()
            .any(|extension| name.ends_with(&format!(".{extension}")))
        {
            read_file(root, &path, texts);
        }
    }
}

fn read_file(root: &Path, path: &str, texts: &mut BTreeMap<String, String>) {
    let text = fs::read_to_string(root.join(path));
    let text = text.unwrap_or_else(|error| panic!("{path} can't be read: {error}"));
    texts.insert(path.to_string(), text);
}

/// One violation of a rule. Lines count from 1.
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub message: String,
}

impl Finding {
    pub fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: path.to_string(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}
