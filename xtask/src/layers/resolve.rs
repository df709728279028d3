//! Resolves the paths that modules write to the modules that they import from.

use std::path::Path;

use super::{
    imports::Import,
    tree::{Library, ModulePath},
};

/// One file of the library imports from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge<'a> {
    pub(super) from: ModulePath,
    pub(super) to: ModulePath,
    pub(super) file: &'a Path,
    pub(super) line: usize,
    /// The path as the file writes it: `crate::Client`.
    pub(super) written: String,
    /// Whether a module re-exports a name of a module below it.
    pub(super) is_reexport: bool,
}

/// A chain of re-exports longer than this is a cycle, which the compiler refuses.
const MAX_REEXPORTS: usize = 16;

impl Library {
    /// Every import between two files of the library, ordered by module.
    pub(super) fn edges(&self) -> Vec<Edge<'_>> {
        let mut edges = Vec::new();
        for (path, module) in &self.modules {
            let from = self.file_module(path);
            for import in &module.imports {
                let Some(to) = self.resolve(path, path, &import.segments, MAX_REEXPORTS) else { continue };
                let to = self.file_module(&to);
                if from != to {
                    edges.push(Edge {
                        is_reexport: import.is_reexport && from.contains(&to),
                        from: from.clone(),
                        to,
                        file: &module.file,
                        line: import.line,
                        written: import.segments.join("::"),
                    });
                }
            }
        }
        edges
    }

    /// The module that a path names, or that defines what it names. `None` for other crates.
    ///
    /// A name that a parent of the `reader` re-exports is followed to its origin: `crate::Client`
    /// is an import from `client`, and `super::Entry` may be one from a sibling. A re-export
    /// elsewhere is not followed, because the reader depends on the module that re-exports.
    fn resolve(
        &self,
        reader: &ModulePath,
        scope: &ModulePath,
        segments: &[String],
        reexports_left: usize,
    ) -> Option<ModulePath> {
        let (mut module, mut rest) = self.start(scope, segments)?;
        while let Some((name, after)) = rest.split_first() {
            let child = module.child(name);
            if self.modules.contains_key(&child) {
                (module, rest) = (child, after);
                continue;
            }
            let is_followed = module.contains(reader) && reexports_left > 0;
            let Some(binding) = self.binding(&module, name).filter(|_| is_followed) else { break };
            let origin = [&binding.segments, after].concat();
            return self.resolve(reader, &module, &origin, reexports_left - 1);
        }
        Some(module)
    }

    /// The module that a path begins in, and the segments that are left.
    fn start<'s>(&self, scope: &ModulePath, segments: &'s [String]) -> Option<(ModulePath, &'s [String])> {
        let (first, mut rest) = segments.split_first()?;
        let mut module = match first.as_str() {
            "crate" => ModulePath::default(),
            "self" => scope.clone(),
            "super" => scope.parent()?,
            // A child module. Any other name came into scope by an import, which counts by itself.
            _ => return self.modules.contains_key(&scope.child(first)).then(|| (scope.clone(), segments)),
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            (module, rest) = (module.parent()?, &rest[1..]);
        }
        Some((module, rest))
    }

    fn binding(&self, module: &ModulePath, name: &str) -> Option<&Import> {
        let imports = &self.modules.get(module)?.imports;
        imports.iter().find(|import| import.binds.as_deref() == Some(name))
    }
}
