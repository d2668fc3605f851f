/* Starting and ending guests with their host. Inside this room only. */
#pragma once

/* Drops what is under way; no HostDownDone is called any more. */
void host_plans_done(void);
