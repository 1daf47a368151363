//! Syntax errors in the words of those who write files, not of those who write parsers.

use granit_parser::ErrorKind;

use crate::scenario::problem::quoted;

/// What a syntax error means, and what to do about it.
pub fn in_plain_words(kind: &ErrorKind) -> (String, Option<&'static str>) {
    let (message, help) = match kind {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => (
            "a tab stands where YAML allows only spaces",
            "replace the tab with spaces",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a colon cannot stand here",
            "quote text that holds \": \"; else check the indentation, and the line before",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "this is neither a key nor a list item",
            "write \"key: value\"",
        ),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::MappingKeyNotAllowed => (
            "a key was expected here",
            "check the indentation of this line and the one before",
        ),
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => (
            "the indentation fits nothing above",
            "indent alike things alike",
        ),
        ErrorKind::UnclosedQuotedScalar => ("a quote is never closed", "add the closing quote"),
        ErrorKind::InvalidQuotedScalarIndent => (
            "a quote is not closed before this line",
            "add the closing quote, or indent the line",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "more text follows the closing quote",
            "put the whole text in quotes",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => (
            "this closing bracket closes nothing",
            "remove it, or quote it if it is text",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open: '[', .. } => {
            ("a \"[\" is closed by a \"}\"", "close it by \"]\"")
        }
        ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("a \"{\" is closed by a \"]\"", "close it by \"}\"")
        }
        ErrorKind::UnclosedFlowCollection { open: '[' } => {
            ("a \"[\" is never closed", "add the closing \"]\"")
        }
        ErrorKind::UnclosedFlowCollection { .. } => {
            ("a \"{\" is never closed", "add the closing \"}\"")
        }
        ErrorKind::ExpectedFlowSequenceSeparator => (
            "a \",\" or \"]\" was expected here",
            "separate the items of a list by commas",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => (
            "a \",\" or \"}\" was expected here",
            "separate the keys of a mapping by commas",
        ),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            let message = format!("{} cannot stand in a file", quoted(&character.to_string()));
            return (message, Some("remove this control character"));
        }
        ErrorKind::UnexpectedCharacter { character } => {
            let message = format!(
                "a value cannot start with {}",
                quoted(&character.to_string())
            );
            return (message, Some("put the value in quotes"));
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            "a backslash stands before a character that it has no meaning for",
            "double the backslash, or use single quotes",
        ),
        other => return (format!("not YAML: {other}"), None),
    };
    (message.to_owned(), Some(help))
}
