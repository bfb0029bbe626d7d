//! Compiles a jq program.

use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Filter, compile};

use super::bounded;
use super::budget::{self, Bounded};
use super::library;

/// What would show the environment of this process.
const LEFT_OUT: [&str; 1] = ["env"];

/// The name of the whole program.
const MAIN: &str = "iot_sub_main";

/// Returns the compiled form of `program`.
///
/// # Errors
/// What is wrong with it, and at which column.
pub(super) fn compile(program: &str) -> Result<Filter<Bounded>, String> {
    let functions = { jaq_core::funs() }
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !LEFT_OUT.contains(name))
        .chain(library::functions())
        .chain(budget::functions());
    let Some(body) = load::parse(program, |parser| parser.term()) else {
        return Err(load_error(program));
    };
    // The program becomes a definition like those of the library: its steps are counted too.
    let main = Def {
        name: MAIN,
        args: Vec::new(),
        body,
    };
    let definitions = { jaq_core::defs() }
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|definition| !library::replaces(definition.name))
        .map(|definition| -> Def<&str> { bounded::definition(definition) })
        .chain([bounded::definition(main)]);
    let arena = Arena::default();
    let file = File {
        code: MAIN,
        path: (),
    };
    let modules = Loader::new(definitions)
        .load(&arena, file)
        .map_err(|_| "it cannot be read".to_owned())?;
    Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|errors| {
            let mut errors = errors.into_iter().flat_map(|(_, errors)| errors);
            match errors.next() {
                Some((name, compile::Undefined::Filter(arity))) => {
                    let arity = if arity == 0 {
                        String::new()
                    } else {
                        format!("/{arity}")
                    };
                    format!(
                        "there is no filter `{name}{arity}`{}",
                        column(program, name)
                    )
                }
                Some((name, undefined)) => {
                    let kind = undefined.as_str();
                    format!("there is no {kind} `{name}`{}", column(program, name))
                }
                None => "it cannot be compiled".to_owned(),
            }
        })
}

/// Returns why a program cannot be read, and at which column.
fn load_error(program: &str) -> String {
    let arena = Arena::default();
    // This loader reads no modules.
    let file = File {
        code: program,
        path: (),
    };
    let errors = Loader::new([]).load(&arena, file).err();
    let error = errors.and_then(|errors| errors.into_iter().next());
    let expected = match error.map(|(_, error)| error) {
        Some(load::Error::Io(errors)) => {
            let path = errors.first().map_or("", |(path, _)| path);
            return format!("modules such as `{path}` cannot be read");
        }
        Some(load::Error::Lex(errors)) => {
            { errors.first() }.map(|(expected, found)| (expected.as_str().to_owned(), *found))
        }
        Some(load::Error::Parse(errors)) => {
            { errors.first() }.map(|(expected, found)| (expected.as_str().to_owned(), *found))
        }
        None => None,
    };
    let Some((expected, found)) = expected else {
        return "it cannot be read".to_owned();
    };
    let place = column(program, found);
    match found.chars().next() {
        None => format!("something is missing at its end ({expected})"),
        Some(first) => format!("{expected} is expected{place}, not `{first}`"),
    }
}

/// Returns ` at column …` for a part of the program, counted in characters from 1.
fn column(program: &str, part: &str) -> String {
    let start = (part.as_ptr() as usize).wrapping_sub(program.as_ptr() as usize);
    match program.get(..start) {
        Some(before) => {
            let line = before.rsplit('\n').next().unwrap_or(before);
            let column = line.chars().count() + 1;
            match before.matches('\n').count() {
                0 => format!(" at column {column}"),
                lines => format!(" at line {}, column {column}", lines + 1),
            }
        }
        None => String::new(),
    }
}
