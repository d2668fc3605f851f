/* Guests with their host, up and down: inside this room only. */
#pragma once

/* Forgets what is under way; nobody is answered any more. */
void host_plans_done(void);
