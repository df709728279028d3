//! Checks the imports of a library against the rules.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    resolve::Edge,
    rules::Rules,
    tree::{Library, ModulePath, ROOT},
};

/// The file that messages about the rules themselves name.
const RULES_FILE: &str = "xtask/src/layers/rules.rs";

/// Every violation, one line each: `FILE:LINE: what is wrong`.
pub(super) fn violations(library: &Library, rules: Rules<'_>) -> Vec<String> {
    let edges = library.edges();
    let mut found = list_errors(library, rules);
    found.extend(edges.iter().filter_map(|edge| upward_import(edge, rules)));
    found.extend(edges.iter().filter_map(|edge| sibling_import(edge, rules)));
    found.extend(cycles(library, &edges, rules));
    found
}

/// The rules must list each top-level module once, and no module that does not exist.
fn list_errors(library: &Library, rules: Rules<'_>) -> Vec<String> {
    let listed: Vec<&str> = rules.layers.concat();
    let present: BTreeSet<_> = library.modules.keys().map(ModulePath::top).filter(|module| *module != ROOT).collect();
    let unlisted = present.iter().filter(|module| !listed.contains(*module)).map(|module| {
        format!("{RULES_FILE}: {module} is in no layer: add it to `layers`, above the modules that it imports")
    });
    let absent = listed.iter().filter(|module| !present.contains(*module)).map(|module| {
        format!("{RULES_FILE}: src/ has no module {module}: remove it from `layers`, or correct its name")
    });
    let repeated = listed.iter().enumerate().filter(|(index, module)| listed[..*index].contains(module));
    let repeated = repeated.map(|(_, module)| format!("{RULES_FILE}: {module} is in `layers` twice: remove one"));
    let folders = rules.independent.iter().filter(|folder| !library.modules.contains_key(&ModulePath::parse(folder)));
    let folders = folders.map(|folder| {
        format!("{RULES_FILE}: src/ has no module {folder}: remove it from `independent`, or correct its name")
    });
    unlisted.chain(absent).chain(repeated).chain(folders).collect()
}

/// A module imports from lower layers only, not even from its own.
fn upward_import(edge: &Edge<'_>, rules: Rules<'_>) -> Option<String> {
    let rank = |module| match rules.layers.iter().position(|layer| layer.contains(&module)) {
        None if module == ROOT => Some(rules.layers.len()),
        rank => rank,
    };
    let (from, to) = (edge.from.top(), edge.to.top());
    let (rank_from, rank_to) = (rank(from)?, rank(to)?);
    if from == to || rank_from > rank_to {
        return None;
    }
    let reason = if rank_from == rank_to { "is in the same layer" } else { "is a higher layer" };
    Some(message(edge, from, to, &format!("{to} {reason}")))
}

/// The members of an independent folder don't import each other.
fn sibling_import(edge: &Edge<'_>, rules: Rules<'_>) -> Option<String> {
    rules.independent.iter().find_map(|folder| {
        let folder = ModulePath::parse(folder);
        let (from, to) = (member(&folder, &edge.from)?, member(&folder, &edge.to)?);
        let is_wrong = from != to && from != folder && to != folder;
        let reason = format!("the modules in {folder} must not import each other");
        is_wrong.then(|| message(edge, &from.to_string(), &to.to_string(), &reason))
    })
}

/// Cycles that the rules don't list, and listed members that are in no cycle.
fn cycles(library: &Library, edges: &[Edge<'_>], rules: Rules<'_>) -> Vec<String> {
    let listed: Vec<BTreeSet<_>> =
        rules.cycles.iter().map(|cycle| cycle.iter().map(|module| ModulePath::parse(module)).collect()).collect();
    let mut unused = listed.clone();
    let mut found = Vec::new();
    // Between the top-level modules, the layers leave no room for a cycle.
    let folders: BTreeSet<_> = library.modules.keys().filter_map(ModulePath::parent).collect();
    for folder in folders.iter().filter(|folder| !folder.0.is_empty()) {
        for Link { from, to, edge, way_back } in cyclic_links(folder, edges) {
            match listed.iter().position(|cycle| cycle.contains(&from) && cycle.contains(&to)) {
                Some(index) => unused[index].retain(|module| *module != from && *module != to),
                None => {
                    let way_back: Vec<_> = way_back.iter().map(ModulePath::to_string).collect();
                    let reason = format!("{from} → {} is a cycle", way_back.join(" → "));
                    found.push(message(edge, &from.to_string(), &to.to_string(), &reason));
                }
            }
        }
    }
    let unused = unused.iter().flatten();
    found.extend(unused.map(|module| format!("{RULES_FILE}: {module} is in no such cycle: remove it from `cycles`")));
    found
}

/// An import that is part of a cycle, with the shortest way back to where it starts.
struct Link<'a> {
    from: ModulePath,
    to: ModulePath,
    /// The first import of `to` in `from`.
    edge: &'a Edge<'a>,
    way_back: Vec<ModulePath>,
}

/// The cycles among the members of a folder. Its own file may re-export the others.
fn cyclic_links<'a>(folder: &ModulePath, edges: &'a [Edge<'a>]) -> Vec<Link<'a>> {
    let mut graph: Graph<'_> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| !edge.is_reexport) {
        if let (Some(from), Some(to)) = (member(folder, &edge.from), member(folder, &edge.to))
            && from != to
        {
            graph.entry(from).or_default().entry(to).or_insert(edge);
        }
    }
    let links = graph.iter().flat_map(|(from, targets)| targets.iter().map(move |(to, edge)| (from, to, *edge)));
    let cyclic = links.filter_map(|(from, to, edge)| {
        let way_back = shortest_path(&graph, to, from)?;
        Some(Link { from: from.clone(), to: to.clone(), edge, way_back })
    });
    cyclic.collect()
}

/// The member of a folder that a module is part of: a file or subfolder, or the folder for its own
/// file.
fn member(folder: &ModulePath, module: &ModulePath) -> Option<ModulePath> {
    let below = module.0.strip_prefix(folder.0.as_slice())?;
    Some(below.first().map_or_else(|| folder.clone(), |name| folder.child(name)))
}

/// Members of a folder, what each imports, and the first such import.
type Graph<'a> = BTreeMap<ModulePath, BTreeMap<ModulePath, &'a Edge<'a>>>;

fn shortest_path(graph: &Graph<'_>, start: &ModulePath, end: &ModulePath) -> Option<Vec<ModulePath>> {
    let mut paths = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::from([start]);
    while let Some(path) = paths.pop_front() {
        let last = path.last()?;
        if last == end {
            return Some(path);
        }
        for next in graph.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next) {
                paths.push_back([path.as_slice(), std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

fn message(edge: &Edge<'_>, from: &str, to: &str, reason: &str) -> String {
    format!("{}:{}: {from} imports {to} ({}): {reason}", edge.file.display(), edge.line, edge.written)
}
