"""Calls on the desk: the SDK's own requests, Twilio's own fields, and a phone that one can use."""

import pytest

from tests.sandbox.desk import ACCOUNT, CUSTOMER, SHOP, refused
from tests.sandbox.desk_page import assert_fits, axe_faults
from tests.voice.callbacks import SAID

XML = "text/xml"
HELLO = (XML, "<Response><Say>Hello.</Say><Hangup/></Response>")
MENU = (
    XML,
    '<Response><Gather numDigits="1" action="/key"><Say>Press 1.</Say></Gather>'
    "<Say>Silence.</Say><Redirect>/again</Redirect></Response>",
)
RECORD = (
    XML,
    '<Response><Record action="/done" recordingStatusCallback="/recording" transcribe="true" '
    'transcribeCallback="/transcription"/></Response>',
)
DIAL = (XML, '<Response><Dial action="/dialed"><Number>+14155550111</Number></Dial></Response>')


@pytest.fixture(scope="session")
def shared_phone(begin, shared_receiver):
    return begin(
        public_base_url=shared_receiver.base,
        voice_number=SHOP,
        voice_url=f"{shared_receiver.base}/incoming",
        voice_fallback_url=f"{shared_receiver.base}/fallback",
        voice_status_url=f"{shared_receiver.base}/status",
    )


@pytest.fixture
def phone(shared_phone, receiver):
    """A desk whose phone rings."""
    yield shared_phone
    shared_phone.settle()
    shared_phone.reset()


@pytest.fixture
def dial(phone, connect, receiver):
    """Have somebody called with the SDK."""

    def dial(**changes):
        given = {
            "to": CUSTOMER,
            "from_": SHOP,
            "url": f"{receiver.base}/say",
            "fallback_url": f"{receiver.base}/fallback",
            "status_callback": f"{receiver.base}/status",
            "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        }
        return connect(phone).calls.create(**given | changes)

    return dial


def posted(receiver, path):
    return [each.fields for each in receiver.posted if each.url.endswith(path)]


def told(phone, receiver):
    """Return the fields of each status that was posted, in their order."""
    phone.settle()
    return sorted(posted(receiver, "/status"), key=lambda fields: int(fields["SequenceNumber"]))


def test_a_call_is_queued_and_then_rings_and_is_told_of_with_twilios_fields(dial, phone, receiver):
    made = dial()
    assert (made.sid[:2], made.status, made.date_created) == ("CA", "queued", None)
    assert phone.calls()[0]["status"] == "ringing"
    receiver.pages["/say"] = [HELLO]
    phone.settle()
    phone.pick_up(made.sid)
    statuses = told(phone, receiver)
    assert [each["CallStatus"] for each in statuses] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    for each, name in zip(statuses, ("initiated", "ringing", "answered", "completed"), strict=True):
        assert each.keys() == SAID[f"status_{name}"].keys()
    (asked,) = posted(receiver, "/say")
    assert asked.keys() == SAID["outgoing_call_answered"].keys()
    assert phone.heard(made.sid) == ["Hello."]


@pytest.mark.parametrize(
    ("how", "code"), [("busy", "486"), ("no-answer", "487"), ("failed", "404")]
)
def test_a_call_that_nobody_takes_is_told_of_with_its_code(dial, phone, receiver, how, code):
    made = dial()
    phone.end_call(made.sid, how)
    last = told(phone, receiver)[-1]
    assert (last["CallStatus"], last["SipResponseCode"], last["Duration"]) == (how, code, "0")
    assert last.keys() == SAID["status_busy"].keys()


def test_the_weather_may_keep_everybody_from_answering(dial, phone, receiver):
    phone.weather(calls_unanswered=100)
    dial()
    assert told(phone, receiver)[-1]["CallStatus"] == "no-answer"


def test_a_machine_is_told_apart_only_where_that_was_asked_for(dial, phone, receiver):
    receiver.pages["/say"] = [HELLO]
    made = dial(machine_detection="DetectMessageEnd")
    phone.settle()
    phone.pick_up(made.sid, "machine_end_beep")
    assert posted(receiver, "/say")[0]["AnsweredBy"] == "machine_end_beep"
    assert told(phone, receiver)[-1]["AnsweredBy"] == "machine_end_beep"


def test_keys_are_gathered_as_the_app_asks_and_silence_goes_on(phone, receiver):
    receiver.pages |= {"/incoming": [MENU], "/again": [MENU], "/key": [HELLO]}
    sid = phone.ring(CUSTOMER)
    phone.press_keys(sid, "")
    assert phone.heard(sid) == ["Press 1.", "Silence.", "Press 1."]
    phone.press_keys(sid, "12")
    (key,) = posted(receiver, "/key")
    assert key["Digits"] == "1"
    assert key.keys() == SAID["gather_digits"].keys()
    (first,) = posted(receiver, "/incoming")
    wanted = SAID["incoming_call"].keys() - {"CallToken", "StirVerstat"}  # in the US alone
    assert (first.keys(), first["CallStatus"]) == (wanted, "ringing")


def test_a_message_is_recorded_written_down_and_deleted(phone, connect, receiver):
    receiver.pages["/incoming"] = [RECORD]
    sid = phone.ring("anonymous")
    phone.leave_message(sid, "Please call me back.")
    phone.settle()
    (recorded,) = posted(receiver, "/recording")
    assert recorded.keys() == SAID["recording_status_completed"].keys()
    (written,) = posted(receiver, "/transcription")
    assert written["TranscriptionText"] == "Please call me back."
    assert written.keys() == SAID["transcription_completed"].keys()
    (done,) = posted(receiver, "/done")
    assert done["Digits"] == "hangup"
    client = connect(phone)
    recording = client.recordings(recorded["RecordingSid"])
    assert recording.fetch().duration == recorded["RecordingDuration"]
    assert len(recording.transcriptions.list()) == 1
    assert client.transcriptions(written["TranscriptionSid"]).fetch().status == "completed"
    assert recording.delete()
    assert refused(recording.fetch) == (404, 20404)


def test_who_says_nothing_leaves_no_recording(phone, receiver):
    receiver.pages["/incoming"] = [RECORD]
    sid = phone.ring(CUSTOMER)
    phone.end_call(sid)
    phone.settle()
    (absent,) = posted(receiver, "/recording")
    assert absent.keys() == SAID["recording_status_absent"].keys()


def test_whom_a_caller_is_put_through_to_answers_or_does_not(phone, receiver):
    receiver.pages |= {"/incoming": [DIAL], "/dialed": [HELLO]}
    sid = phone.ring(CUSTOMER)
    phone.put_through(sid, "no-answer")
    (dialed,) = posted(receiver, "/dialed")
    assert dialed.keys() == SAID["dial_action_no_answer"].keys()
    assert phone.heard(sid) == ["Hello."]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (500, "11200"),
        (("text/plain", "OK"), "12300"),
        ((XML, "<Response><Jump/></Response>"), "12200"),
    ],
)
def test_an_app_that_gives_nothing_is_asked_another_way_and_then_it_is_over(
    phone, receiver, answer, code
):
    receiver.pages |= {"/incoming": [answer, 500], "/fallback": [HELLO, 500]}
    sid = phone.ring(CUSTOMER)
    (asked,) = posted(receiver, "/fallback")
    assert asked["ErrorCode"] == code
    assert phone.heard(sid) == ["Hello."]
    phone.ring(CUSTOMER)
    assert phone.calls()[0]["status"] == "completed"


def test_twilio_objects_as_it_does_and_ends_what_it_is_told_to(dial, phone, connect):
    for to, code in {"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215}.items():
        assert refused(dial, to=to) == (400, code)
    assert refused(dial, from_="+14155550199") == (400, 21210)
    assert refused(dial, url="nowhere") == (400, 21205)
    calls = connect(phone).calls
    made = dial()
    assert [call.sid for call in calls.list(to=CUSTOMER)] == [made.sid]
    assert calls(made.sid).update(status="canceled").status == "canceled"
    assert refused(calls(made.sid).update, status="completed") == (400, 21220)


def test_its_page_rings_and_is_used_without_a_script(open_page, phone, dial, receiver):
    receiver.pages |= {"/say": [MENU], "/key": [HELLO]}
    dial()
    phone.settle()
    page = open_page("/", of=phone, java_script_enabled=False)
    page.get_by_role("link", name="Calls (1 rings)").click()
    page.get_by_role("button", name="Pick up").click()
    page.get_by_role("button", name="1", exact=True).click()
    assert page.locator(".bubble", has_text="Hello.").count() == 1
    page.locator("summary").click()
    receiver.pages["/incoming"] = [MENU]
    page.get_by_label("From your number").fill("+1 (415) 555-2671")
    page.get_by_role("button", name="Ring +1").click()
    assert page.get_by_role("heading", name="+1 415-555-2671").count() == 1


def test_axe_finds_nothing_on_it_and_it_fits_a_phone(open_page, phone, receiver):
    receiver.pages["/incoming"] = [MENU, RECORD]
    phone.ring(CUSTOMER)
    sid = phone.ring("anonymous")
    page = open_page("/calls", of=phone)
    assert axe_faults(page) == []
    assert_fits(open_page("/calls", of=phone, width=360))
    phone.end_call(sid)


def test_everything_is_in_the_account(dial):
    assert dial().account_sid == ACCOUNT
