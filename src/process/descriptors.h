#pragma once

namespace cluster_leader {

/// Opens /dev/null on those of 0, 1 and 2 that are closed, so that none of our sockets gets such a
/// number. They close on exec: the job sees them closed, as the caller left them.
void fill_standard_descriptors();

/// Replaces `fd` with /dev/null, close-on-exec, so that a reader of the caller's pipe does not wait
/// for us. Failure is ignored; it can only delay that reader.
void detach_descriptor(int fd);

/// The same, but what we execute inherits /dev/null; after detach_descriptor() it would find `fd`
/// closed.
void redirect_to_null(int fd);

/// Closes every descriptor from 3 on that we inherited from the caller: those without FD_CLOEXEC,
/// which all of our own have.
void close_inherited_descriptors();

/// Replaces stdin and stdout with /dev/null and closes the inherited descriptors: from then on only
/// the job has what the caller passed to us, except for stderr, which we write to as well.
void detach_from_caller();

/// True if this process has a controlling terminal, which is when /dev/tty opens.
bool has_terminal();

}  // namespace cluster_leader
