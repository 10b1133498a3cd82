-- Sidetone for FusionPBX, whose dialplan and variables live in its database (PostgreSQL). From the folder of Sidetone's
-- files, as a user who may write there:
--
--   psql -d fusionpbx -f freeswitch/fusionpbx/sidetone.sql
--
-- It may be run again: the dialplan is replaced, values of yours stay. Then open Advanced, Variables, and save one of the
-- category Sidetone, so that FusionPBX writes them to vars.xml; and Status, SIP Status: "Flush Cache" and "Reload XML".
--
-- The Dialplan Manager shows one entry, "sidetone", in the context "sidetone". Do not save it there: FusionPBX would write
-- its XML anew from a form that knows one extension an entry.

\set ON_ERROR_STOP on
\set dialplan `sed -e '1,/<context name="sidetone">/d' -e '/<\/context>/,$d' freeswitch/dialplan/sidetone.xml`

begin;

insert into v_dialplans (
  dialplan_uuid, domain_uuid, app_uuid, hostname, dialplan_context, dialplan_name, dialplan_number,
  dialplan_destination, dialplan_continue, dialplan_xml, dialplan_order, dialplan_enabled, dialplan_description
) values (
  '5d1de701-3a1c-4c0e-9a4b-5e1de7000001', null, '5d1de701-3a1c-4c0e-9a4b-5e1de7000000', null, 'sidetone', 'sidetone', null,
  false, false, :'dialplan', 1, true, 'Lends calls to Sidetone, and is the keypad menu without it.'
)
on conflict (dialplan_uuid) do update set dialplan_xml = excluded.dialplan_xml;

-- FusionPBX puts the domain of the call into ${domain_name}: each tenant has its own sales.
insert into v_vars (var_uuid, var_category, var_name, var_value, var_command, var_enabled, var_order, var_description)
values
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000010', 'Sidetone', 'sidetone_socket', '127.0.0.1:8084|127.0.0.1:8085', 'set', true, 1, 'Where workers wait for calls'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000011', 'Sidetone', 'sidetone_target_sales', 'user/201@${domain_name}', 'set', true, 2, 'What bridge dials for sales'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000012', 'Sidetone', 'sidetone_target_support', 'user/202@${domain_name}', 'set', true, 3, 'What bridge dials for support'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000013', 'Sidetone', 'sidetone_target_operator', 'user/200@${domain_name}', 'set', true, 4, 'What bridge dials for the operator'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000014', 'Sidetone', 'sidetone_ring_s', '20', 'set', true, 5, 'How long a target rings'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000015', 'Sidetone', 'sidetone_key_ms', '5000', 'set', true, 6, 'How long the menu waits for a key'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000016', 'Sidetone', 'sidetone_voicemail', '', 'set', true, 7, 'default ${domain_name} 200, or nothing'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000017', 'Sidetone', 'sidetone_sounds', '/var/lib/sidetone/sounds', 'set', true, 8, 'The folder of the prompts'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000018', 'Sidetone', 'sidetone_silent_ms', '60000', 'set', true, 9, 'A call without packets ends'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000019', 'Sidetone', 'sidetone_hold_ms', '1800000', 'set', true, 10, 'The same on hold'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000020', 'Sidetone', 'sidetone_ringing', '%(1200,600,440,480)', 'set', true, 11, 'What the caller hears while a target rings'),
  ('5d1de701-3a1c-4c0e-9a4b-5e1de7000021', 'Sidetone', 'sidetone_override_pin', '', 'set', true, 12, 'The PIN of the feature code that opens or closes')
on conflict (var_uuid) do nothing;

commit;
