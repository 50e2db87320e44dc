/* verbs: the rows of control.c's table, one array for each file of verbs, ended by a row without a name.
 */
#ifndef PROVCTL_VERBS_H
#define PROVCTL_VERBS_H

#include "enforcer/control.h"

extern const struct control_verb verbs_device[];  /* verb_device.c */
extern const struct control_verb verbs_address[]; /* verb_address.c */
extern const struct control_verb verbs_state[];   /* verb_state.c */
extern const struct control_verb verbs_explain[]; /* explain.c */
extern const struct control_verb verbs_summary[]; /* verb_summary.c */

#endif
