//! The imports of one module: `use` items, and every other path that begins in the library.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::{
    Arm, Attribute, Field, FieldValue, ImplItemFn, Item, ItemConst, ItemEnum, ItemFn, ItemImpl, ItemMacro, ItemMod,
    ItemStatic, ItemStruct, ItemTrait, ItemType, ItemUse, Local, StmtMacro, UseTree, Variant, VisRestricted,
    Visibility, visit, visit::Visit,
};

use super::tree::is_test_only;

/// A path as a module writes it, before it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) line: usize,
    /// `["super", "entries", "Entry"]`. A glob's last segment is its module.
    pub(super) segments: Vec<String>,
    /// The name that a `use` item of the module brings into scope.
    pub(super) binds: Option<String>,
    /// Whether it is a `pub use`, which hands a name on.
    pub(super) is_reexport: bool,
}

/// What a module's items import. Items that only tests compile, and modules inside it, are left
/// out.
pub(super) fn imports(items: &[Item]) -> Vec<Import> {
    let mut collector = Collector::default();
    for item in items {
        if let Item::Use(item) = item {
            collector.binds = true;
            collector.visit_item_use(item);
            collector.binds = false;
        } else {
            collector.visit_item(item);
        }
    }
    collector.imports
}

#[derive(Default)]
struct Collector {
    imports: Vec<Import>,
    /// Whether `use` items bring names into the scope of the module: not inside a function.
    binds: bool,
    in_attribute: bool,
}

impl Collector {
    fn add_use(&mut self, tree: &UseTree, before: &[(String, Span)], is_reexport: bool) {
        let with = |ident: &Ident| [before, &[(ident.to_string(), ident.span())]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_use(&path.tree, &with(&path.ident), is_reexport),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_use(tree, before, is_reexport));
            }
            UseTree::Glob(_) => (before.to_vec(), None),
            // `use a::b::{self}` imports `a::b`.
            UseTree::Name(name) if name.ident == "self" && !before.is_empty() => {
                (before.to_vec(), before.last().map(|(name, _)| name.clone()))
            }
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" && !before.is_empty() => {
                (before.to_vec(), Some(rename.rename.to_string()))
            }
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
        };
        let Some((_, span)) = path.last() else { return };
        self.imports.push(Import {
            line: span.start().line,
            segments: path.iter().map(|(segment, _)| segment.clone()).collect(),
            binds: name.filter(|_| self.binds),
            is_reexport,
        });
    }

    fn add_path(&mut self, line: usize, segments: Vec<String>) {
        self.imports.push(Import { line, segments, binds: None, is_reexport: false });
    }

    /// A macro's arguments are not parsed: they are searched for `crate::…`, `self::…` and
    /// `super::…`.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            index += 1;
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(ident) if is_keyword(&ident.to_string()) => {
                    let mut segments = vec![ident.to_string()];
                    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..] =
                        &tokens[index..]
                        && one.as_char() == ':'
                        && two.as_char() == ':'
                    {
                        segments.push(next.to_string());
                        index += 3;
                    }
                    if segments.len() > 1 {
                        self.add_path(ident.span().start().line, segments);
                    }
                }
                // `#[serde(with = "crate::config::span")]`
                TokenTree::Literal(literal) if self.in_attribute => {
                    let text = literal.to_string();
                    if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                        self.add_syntax(&path, literal.span().start().line);
                    }
                }
                _ => {}
            }
        }
    }

    fn add_syntax(&mut self, path: &syn::Path, line: usize) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() && segments.len() > 1 {
            self.add_path(line, segments);
        }
    }
}

/// Whether a path that begins with this segment begins in the library.
fn is_keyword(segment: &str) -> bool {
    matches!(segment, "crate" | "self" | "super")
}

/// Passes over what only tests compile.
macro_rules! visit_unless_test_only {
    ($($method:ident: $node:ty),* $(,)?) => {
        $(fn $method(&mut self, node: &'ast $node) {
            if !is_test_only(&node.attrs) {
                visit::$method(self, node);
            }
        })*
    };
}

impl<'ast> Visit<'ast> for Collector {
    visit_unless_test_only! {
        visit_arm: Arm,
        visit_field: Field,
        visit_field_value: FieldValue,
        visit_impl_item_fn: ImplItemFn,
        visit_item_const: ItemConst,
        visit_item_enum: ItemEnum,
        visit_item_fn: ItemFn,
        visit_item_impl: ItemImpl,
        visit_item_macro: ItemMacro,
        visit_item_static: ItemStatic,
        visit_item_struct: ItemStruct,
        visit_item_trait: ItemTrait,
        visit_item_type: ItemType,
        visit_local: Local,
        visit_stmt_macro: StmtMacro,
        visit_variant: Variant,
    }

    /// A module has its own imports.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    /// `pub(in crate::cache)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() && !is_test_only(&item.attrs) {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            self.add_use(&item.tree, &[], is_reexport);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.add_syntax(path, first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if !attribute.path().is_ident("doc") {
            self.in_attribute = true;
            visit::visit_attribute(self, attribute);
            self.in_attribute = false;
        }
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.add_tokens(tokens.clone());
    }
}
