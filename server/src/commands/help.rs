//! The reply of `CONTAINER HELP`, which looks the same for every container; knows no container's subcommands.

use crate::resp::reply::Reply;

/// Writes a container's help: a headline, its own lines, and the two about HELP itself.
///
/// `container` is the name as it was sent (`argv[0]`); Redis answers it in capitals. By convention a line that explains is
/// indented by four blanks.
pub(crate) fn write_help(reply: &mut Reply<'_>, container: &[u8], lines: &[&str]) {
    let container = String::from_utf8_lossy(container).to_ascii_uppercase();
    reply.array(lines.len() + 3);
    reply.status(&format!(
        "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for line in lines {
        reply.status(line);
    }
    reply.status("HELP");
    reply.status("    Print this help.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::output::Output;
    use crate::resp::reply::Protocol;

    #[test]
    fn help_is_framed_by_a_headline_and_a_word_on_itself() {
        let mut out = Output::default();
        let lines = ["LEN", "    Return the length of the slowlog."];
        write_help(
            &mut Reply::new(&mut out, Protocol::Resp2, false),
            b"SlowLog",
            &lines,
        );
        assert_eq!(
            String::from_utf8(out.to_vec()).expect("help is text"),
            "*5\r\n\
             +SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n\
             +LEN\r\n\
             +    Return the length of the slowlog.\r\n\
             +HELP\r\n\
             +    Print this help.\r\n"
        );
    }
}
