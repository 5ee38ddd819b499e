// The tour: what is said, predicted, done and seen, step by step. About a minute each; all of it is a quarter of an hour.
//
//   title    what the step is about
//   say      two or three sentences to say
//   predict  a question to the room, before anything is pressed
//   press    the button's word, and `acts`: what the stage then does
//   seen     what there is to see afterwards
//   look     the panes to look at       view  what the devices show       relay  what the relay's pane shows
//
// Every sentence about the case is tagged alleged, denied or conceded; StreamCo and its platform are fictional.
// In a text, [alleged], [denied] and [conceded] become tags.

const send = (who, text) => ({ do: "send", as: who, text });
const mode = (which) => ({ do: "mode", mode: which });

export const TOUR = [
  {
    title: "One sentence, four places",
    say: "Alice writes to Bob. A relay carries it, as any messenger's server does. Beside the relay sits StreamCo, a fictional company with access to Bob's inbox.",
    predict: "The conversation is open: not end-to-end encrypted. Who will be able to read the sentence?",
    press: "Send as Alice",
    acts: [mode("open"), send("alice", "Did you see the last episode? I cried.")],
    look: ["relay", "partner"],
    seen: "Four parties read it: Alice, the relay, StreamCo and Bob. Nobody broke in. The relay was handed the text, and handed it on.",
  },
  {
    title: "The partner's inbox",
    say: "[alleged] A real platform's “Inbox API” agreements let a partner into users' private inboxes (plaintiffs, Klein v. Meta; not adjudicated). [denied] The platform: it shared no private messages. The partner: it never accessed them, nor asked to.",
    predict: "Bob answers. Will StreamCo get Bob's words as well as Alice's?",
    press: "Answer as Bob",
    acts: [mode("open"), send("bob", "Not yet! No spoilers, please.")],
    look: ["partner"],
    seen: "StreamCo's own program read both sides. [conceded] In 2018 the platform said that a few partners had been able to read, write and delete messages after a user logged in. Being able is not the same as having done it.",
  },
  {
    title: "Whose consent?",
    say: "Say Bob agreed; Alice was never asked. Yet her words lie in Bob's inbox, and nobody is told when it is read. (Here one token opens every inbox: the broadest reading of what is alleged.)",
    predict: "Alice writes something that is not about films. Can she keep StreamCo out?",
    press: "Send as Alice",
    acts: [mode("open"), send("alice", "Dinner on Friday? My treat, I got the job.")],
    look: ["alice", "partner"],
    seen: "She cannot. One person's consent opened the other's words. In open mode all rests on trust: whoever runs the relay can read, keep, search, change and pass on every word.",
  },
  {
    title: "Seal it",
    say: "Now the devices encrypt end to end. Only Alice's and Bob's devices hold the keys; the relay carries what comes out, and StreamCo gets what the relay has. The relay is the same, and so is the sentence.",
    predict: "What will the two panes in the middle show this time?",
    press: "Seal, and send it again",
    acts: [mode("sealed"), send("alice", "Did you see the last episode? I cried.")],
    look: ["relay", "partner"],
    seen: "Only Alice and Bob read it; relay and StreamCo hold noise. The first blob is larger: it carries the key agreement. The second is Bob's device saying “arrived”, and the relay cannot tell that from a message by its bytes; by its timing it may guess.",
  },
  {
    title: "What StreamCo gets now",
    say: "StreamCo's access is what it was: the same API, the same token, the same inbox. It gets whatever the relay has.",
    predict: "Bob answers. What does StreamCo learn from it?",
    press: "Answer as Bob",
    acts: [mode("sealed"), send("bob", "Not yet! No spoilers, please.")],
    look: ["partner"],
    seen: "Names, times, sizes, and blobs it cannot open. To show or send messages its app would need a key of its own: a visible end. [alleged] The partner owed the platform two-weekly counts of sends and clicks; such a report needs no text.",
  },
  {
    title: "What the relay still learns",
    say: "The relay delivers mail, so it needs the address and knows the hour. Its pane now shows what it can tell from names, times and sizes alone, without reading a word.",
    predict: "Two more messages. Which of these lines will grow, though nobody reads along?",
    press: "Send one each",
    acts: [mode("sealed"), send("alice", "Friday, then?"), send("bob", "Friday.")],
    look: ["relay"],
    relay: "tally",
    seen: "Who writes to whom, how often, when, how soon the answer comes, and a rough size. Sealing hides what is said, not that it is said, nor between whom.",
  },
  {
    title: "Sizes that say little",
    say: "A size can betray a text: “yes” is short. So each text, with its time and number, is filled up to 512 bytes before it is sealed, or to 1, 2, 4 … KiB.",
    predict: "Alice sends “yes”, then a whole paragraph. Which one looks larger to the relay?",
    press: "Send both",
    acts: [
      mode("sealed"),
      send("alice", "yes"),
      send("alice", "The train leaves at half past seven, so be there by seven. Bring the tickets and something warm; it is cold up there, even in May."),
    ],
    look: ["alice", "relay"],
    view: "sizes",
    relay: "alice",
    seen: "Neither: each is sealed to 642 bytes. Only a text over some 400 bytes needs the next size. The relay learns the size class, never the length. The very first blob was larger: it carried the key agreement.",
  },
  {
    title: "The same word twice",
    say: "If equal messages gave equal blobs, the relay would not need a key: it could compare. So Alice sends the same word twice.",
    predict: "Will the two blobs look alike?",
    press: "Send “yes” twice",
    acts: [mode("sealed"), send("alice", "yes"), send("alice", "yes")],
    look: ["relay"],
    relay: "alice",
    seen: "After the first byte, which only says “message”, they have nothing in common. Each message is sealed with a key of its own, used once, and with fresh random salt: equal words, different noise, equal size.",
  },
  {
    title: "Keys that turn, and go",
    say: "Each message has its own key, and both devices wipe it as soon as it is used. Each answer mixes fresh randomness in, and the ratchet turns: from the keys of today nobody can compute those of yesterday.",
    predict: "One message and its receipt: which keys will exist afterwards, and which will be gone?",
    press: "Send as Alice",
    acts: [mode("sealed"), send("alice", "Remember the old place?")],
    look: ["alice", "bob"],
    view: "keys",
    seen: "→ n is the n-th key that a device sealed with, ← n the n-th that it opened with. Three are newly wiped on each: the message's, the receipt's, and the old ratchet key, since the receipt turned the ratchet. You see numbers and public fingerprints only.",
  },
  {
    title: "Bob's keys are copied",
    say: "A thief copies every key on Bob's device at this moment, gets all that the relay ever kept, and goes on listening. The stage really makes that copy and really tries it.",
    predict: "What will open: yesterday's messages? The next one? The one after that?",
    press: "Copy the keys, send two",
    acts: [mode("sealed"), { do: "steal" }, send("alice", "The spare key is under the mat."), send("alice", "I moved the spare key.")],
    look: ["thief"],
    seen: "Nothing sealed before opens: those keys are gone (forward secrecy). The next message does: the thief has the same keys as Bob. Bob's receipt then brought a fresh key, and the door is shut again. Texts still on Bob's screen, and open ones, need no key.",
  },
  {
    title: "A swapped key nobody checks",
    say: "Sealed, to whom? Every key came by way of the relay. A relay that lies hands Alice a key of its own as Bob's, does the same to Bob, and passes on what it has read. It is played now, with two fresh people.",
    predict: "Will it read along? And will an alarm ring at either end?",
    press: "Swap the keys",
    acts: [{ do: "attack", name: "swap-keys-first" }],
    look: ["drawer"],
    seen: "It reads every word, of the naive twin and of the real client alike, and no alarm rings: nobody here has ever seen the right key. Only the two numbers differ, and only people who compare them find out. The naive twin has none.",
  },
  {
    title: "The safety number",
    say: "All keys came by way of the relay. How does Alice know that Bob's key is Bob's? Each device shows 60 digits, made of both names and both people's keys. Alice and Bob read them to each other by phone.",
    predict: "What does it prove if the numbers are equal?",
    press: "Compare by phone",
    acts: [mode("sealed"), { do: "compare" }],
    look: ["alice", "bob"],
    view: "number",
    seen: "That no key was swapped on the way. A relay that had slipped in a key of its own would have made the two numbers differ. (Against a thief of keys it does not help.) Each device notes that it was compared.",
  },
  {
    title: "A swapped key after the check",
    say: "They have compared, and both devices have noted it. Now the relay's operator puts a key of their own in the place of Bob's, Alice's device asks for Bob's keys again, and is handed that one.",
    predict: "What will Alice's screen show, and what becomes of what she writes?",
    press: "Swap the key, then write",
    acts: [mode("sealed"), { do: "compare" }, { do: "swap" }, send("alice", "Is that you?")],
    look: ["alice", "bob"],
    view: "number",
    seen: "An alarm: Bob's key has changed. Her text is held, nothing is sent, and the two numbers differ. The mark of the comparison is gone. A new telephone looks exactly like this: whether it is one, Bob says by phone.",
  },
  {
    title: "What sealing does not do",
    say: "It does not hide who talks with whom, protect a stolen device, or stop anybody from passing on what they received. Meta says of end-to-end encrypted chats that nobody else can see or listen, “not even Meta. We couldn't even if we wanted to.”",
    predict: "As published, Meta's statement goes on. Which exception does it name?",
    press: "See it",
    acts: [],
    look: [],
    seen: "Unless you choose to report a message: then an end hands it over, by its own choice. Nor does sealing stop advertising from data that a partner supplies itself. Now try it yourself: the next press starts afresh. (Teaching software, unaudited.)",
  },
];
