// SPDX-License-Identifier: MIT
/* What the fake service says unasked, on every channel that carries it. */
#ifndef P11D_FAKE_SIGNALS_H
#define P11D_FAKE_SIGNALS_H

void fake_say_changed(void);    /* ObjectsChanged, once until somebody lists */
void fake_say_token(void);      /* InterfacesAdded or InterfacesRemoved */
void fake_say_properties(void); /* PropertiesChanged */

#endif
