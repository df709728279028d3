//! The module tree of a library: every source file, parsed, without the code that only tests
//! compile.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Error},
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, Meta, Token, punctuated::Punctuated};

use super::imports::{Import, imports};

/// The path of a module below the library's root: `cache::disk`. The root's own path is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ModulePath(pub(super) Vec<String>);

impl ModulePath {
    pub(super) fn parse(path: &str) -> Self {
        Self(path.split("::").map(str::to_owned).collect())
    }

    pub(super) fn child(&self, name: &str) -> Self {
        Self(self.0.iter().cloned().chain([name.to_owned()]).collect())
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// Whether this is `other`, or one of its parents.
    pub(super) fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The top-level module that this is, or is part of; `lib` for the root.
    pub(super) fn top(&self) -> &str {
        self.0.first().map_or(ROOT, String::as_str)
    }
}

/// What messages call the library's root.
pub(super) const ROOT: &str = "lib";

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str(ROOT) } else { f.write_str(&self.0.join("::")) }
    }
}

/// A module and its imports.
#[derive(Debug)]
pub(super) struct Module {
    /// The file that contains it, below the package's folder: `src/cache/mod.rs`.
    pub(super) file: PathBuf,
    /// Whether its parent's file contains it, as `mod name { … }`.
    is_inline: bool,
    pub(super) imports: Vec<Import>,
}

/// All modules of a library.
#[derive(Debug)]
pub(super) struct Library {
    package: PathBuf,
    pub(super) modules: BTreeMap<ModulePath, Module>,
}

impl Library {
    /// Reads `src/lib.rs` in a package's folder, and every module that it declares.
    ///
    /// # Errors
    /// If a file is missing or does not parse.
    pub(super) fn read(package: &Path) -> io::Result<Self> {
        let mut library = Self { package: package.to_owned(), modules: BTreeMap::new() };
        library.add_file(ModulePath::default(), Path::new("src/lib.rs"))?;
        Ok(library)
    }

    fn add_file(&mut self, path: ModulePath, file: &Path) -> io::Result<()> {
        let failed = |error: &dyn fmt::Display| Error::other(format!("{}: {error}", file.display()));
        let text = fs::read_to_string(self.package.join(file)).map_err(|error| failed(&error))?;
        let syntax = syn::parse_file(&text).map_err(|error| failed(&error))?;
        self.add(path, file, false, &syntax.items)
    }

    fn add(&mut self, path: ModulePath, file: &Path, is_inline: bool, items: &[Item]) -> io::Result<()> {
        for item in items {
            let Item::Mod(module) = item else { continue };
            if is_test_only(&module.attrs) {
                continue;
            }
            let child = path.child(&module.ident.to_string());
            match &module.content {
                Some((_, items)) => self.add(child, file, true, items)?,
                None => {
                    let declared = self.file_of(&child).ok_or_else(|| {
                        Error::other(format!("{}: there is no file for the module {child}", file.display()))
                    })?;
                    self.add_file(child, &declared)?;
                }
            }
        }
        self.modules.insert(path, Module { file: file.to_owned(), is_inline, imports: imports(items) });
        Ok(())
    }

    /// `src/a/b.rs` or `src/a/b/mod.rs`. No module of the library is declared with `#[path]`.
    fn file_of(&self, module: &ModulePath) -> Option<PathBuf> {
        let stem = Path::new("src").join(module.0.join("/"));
        let mut files = [stem.with_extension("rs"), stem.join("mod.rs")].into_iter();
        files.find(|file| self.package.join(file).is_file())
    }

    /// The module that a file holds as a whole, for a module in that file.
    pub(super) fn file_module(&self, path: &ModulePath) -> ModulePath {
        let mut path = path.clone();
        while self.modules.get(&path).is_some_and(|module| module.is_inline) {
            path.0.pop();
        }
        path
    }
}

/// Whether a `#[cfg(…)]` leaves the item out of every build except that of the tests.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    let mut conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.any(|attribute| attribute.parse_args().is_ok_and(|condition: Meta| requires_test(&condition)))
}

fn requires_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else { return condition.path().is_ident("test") };
    let Ok(parts) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { return false };
    if list.path.is_ident("all") {
        parts.iter().any(requires_test)
    } else {
        list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(requires_test)
    }
}
