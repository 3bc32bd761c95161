//! One property per file; the file's name is the sentence.

mod a_second_server_on_the_same_data_is_refused;
mod a_taken_port_is_named;
mod an_acknowledged_command_survives_kill_9;
mod setting;
